"""What Redis runs for `sharing`, each in one step.

Foreign values under our keys are overwritten.
"""

from typing import Final

# KEYS lease, newest. ARGV token, lease ms, version known, most bytes.
TURN: Final = """
local owner = redis.pcall('GET', KEYS[1])
if type(owner) ~= 'string' or redis.call('PTTL', KEYS[1]) < 0 then owner = ARGV[1] end
local leads = 0
if owner == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  leads = 1
end
local clock = redis.call('TIME')
local version = redis.pcall('GETRANGE', KEYS[2], 0, 19)
local newest = false
if type(version) == 'string' and version > ARGV[3]
    and redis.call('STRLEN', KEYS[2]) <= tonumber(ARGV[4]) then
  newest = redis.call('GET', KEYS[2])
end
return {leads, clock[1], clock[2], newest}
"""

# KEYS lease, newest. ARGV token, message, ms to keep it. A version from the future is not one.
PUBLISH: Final = """
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local clock = redis.call('TIME')
local now = string.format('%020.0f', clock[1] * 1000000 + clock[2])
local version = redis.pcall('GETRANGE', KEYS[2], 0, 19)
if type(version) == 'string' and version >= string.sub(ARGV[2], 1, 20) and version <= now then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
"""

# KEYS lease. ARGV token.
RELEASE: Final = """
if redis.pcall('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
