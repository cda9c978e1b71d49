"""What was said about an incident stays said: triggers refuse what no code of ours should try."""

from django.db import migrations

_GUARD = """
CREATE FUNCTION alerts_incident_log_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.kind = 'comment' AND OLD.struck_at IS NULL
       AND NEW.struck_at IS NOT NULL
       AND to_jsonb(NEW) - 'struck_at' - 'struck_by' = to_jsonb(OLD) - 'struck_at' - 'struck_by'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The log of an incident is not edited.'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER alerts_incident_log_guard BEFORE UPDATE OR DELETE ON alerts_incidentevent
    FOR EACH ROW EXECUTE FUNCTION alerts_incident_log_guard();

CREATE FUNCTION alerts_version_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'What was written is not edited: write a new version.'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER alerts_postmortem_guard BEFORE UPDATE OR DELETE ON alerts_postmortem
    FOR EACH ROW EXECUTE FUNCTION alerts_version_guard();
CREATE TRIGGER alerts_statusupdate_guard BEFORE UPDATE ON alerts_statusupdate
    FOR EACH ROW EXECUTE FUNCTION alerts_version_guard();
"""
_UNDO = """
DROP TRIGGER alerts_statusupdate_guard ON alerts_statusupdate;
DROP TRIGGER alerts_postmortem_guard ON alerts_postmortem;
DROP FUNCTION alerts_version_guard();
DROP TRIGGER alerts_incident_log_guard ON alerts_incidentevent;
DROP FUNCTION alerts_incident_log_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("alerts", "0170_incidents")]

    operations = [migrations.RunSQL(_GUARD, _UNDO)]
