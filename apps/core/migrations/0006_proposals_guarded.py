"""What was proposed, approved and done cannot be rewritten, not even past the code."""

from django.db import migrations

_FORWARD = """
CREATE FUNCTION core_proposal_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'A proposal is never deleted.' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.kind, NEW.target, NEW.risk, NEW.plan, NEW.plan_hash, NEW.rollback_plan, NEW.fingerprint,
        NEW.evidence, NEW.author_name, NEW.created_at, NEW.title, NEW.predicted, NEW.evidence_at,
        NEW.cool_down_s)
       IS DISTINCT FROM
       (OLD.kind, OLD.target, OLD.risk, OLD.plan, OLD.plan_hash, OLD.rollback_plan, OLD.fingerprint,
        OLD.evidence, OLD.author_name, OLD.created_at, OLD.title, OLD.predicted, OLD.evidence_at,
        OLD.cool_down_s)
       -- Only the deletion of an account takes an author away; nobody becomes one.
       OR (NEW.author_id IS NOT NULL AND NEW.author_id IS DISTINCT FROM OLD.author_id) THEN
        RAISE EXCEPTION 'What was proposed is never changed; propose anew.'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state IN ('rejected', 'expired', 'void', 'rolled_back') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'A proposal that is % stays so.', OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER core_proposal_guard BEFORE UPDATE OR DELETE ON core_proposal
    FOR EACH ROW EXECUTE FUNCTION core_proposal_guard();

CREATE FUNCTION core_approval_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Only the deletion of an account may touch an approval, and then it no longer counts.
    IF TG_OP = 'UPDATE' AND NEW.user_id IS NULL
       AND (NEW.id, NEW.proposal_id, NEW.username, NEW.plan_hash, NEW.reason, NEW.at)
           IS NOT DISTINCT FROM
           (OLD.id, OLD.proposal_id, OLD.username, OLD.plan_hash, OLD.reason, OLD.at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'An approval is never changed.' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER core_approval_guard BEFORE UPDATE OR DELETE ON core_approval
    FOR EACH ROW EXECUTE FUNCTION core_approval_guard();

CREATE FUNCTION core_proposalevent_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'History is only added to.' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER core_proposalevent_guard BEFORE UPDATE OR DELETE ON core_proposalevent
    FOR EACH ROW EXECUTE FUNCTION core_proposalevent_guard();
"""
_BACKWARD = """
DROP TRIGGER core_proposalevent_guard ON core_proposalevent;
DROP TRIGGER core_approval_guard ON core_approval;
DROP TRIGGER core_proposal_guard ON core_proposal;
DROP FUNCTION core_proposalevent_guard();
DROP FUNCTION core_approval_guard();
DROP FUNCTION core_proposal_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0005_proposals")]
    operations = [migrations.RunSQL(_FORWARD, _BACKWARD)]
