"""Where the shop keeps its data: its own variables, else a database beside the portal's."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from apps.core.embedded.home import Home

DATABASE_NAME = "pharos_shop"
_home = Home.current()

database_url: str = (
    os.environ.get("SHOP_DATABASE_URL")
    or urlsplit(_home.database_url)._replace(path=f"/{DATABASE_NAME}").geturl()
)
redis_url: str = os.environ.get("SHOP_REDIS_URL") or f"{_home.redis_url}?db=15"
inventory_url: str = os.environ.get("SHOP_INVENTORY_URL", "http://127.0.0.1:8021")
state_dir: Path = Path(os.environ.get("SHOP_STATE_DIR") or _home.root / "shop")
