"""What a planner answered during a collection is said again from its snapshot, also sealed and redacted; no more is."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from pgadvisor.masking import MASK
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.counters import Window
from pgadvisor.model.plans import ObservedPlan, ParameterValue, PlanMethod
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import StatementRole, Statements, StatementText
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName, PlannerKind
from pgadvisor.planner.protocol import Answer, PlannerError, Question
from pgadvisor.planner.recorded import Recorded, Recording
from pgadvisor.snapshots.redaction import redacted
from pgadvisor.snapshots.sealing import sealed
from support.fake_planner import FakePlanner
from support.snapshots import snapshot

SECRET = "hunter2"
DEFINITION = IndexDefinition(
    schema="public", table="customers", keys=(IndexKey(column="id"),), predicate="(city = 'Zanzibar'::text)"
)
NEW = Configuration(
    create=(DEFINITION,),
    drop=(IndexName(schema="public", name="customers_city"),),
    settings=(("app.tenant", "Acme"), ("search_path", "sales"), ("work_mem", "64MB")),
)
BY_CITY = "select * from customers where city = $1"
LOGIN = "select id from customers where password = $1"
CLERK = StatementRole(oid=9, name="clerk")
CITY = Question(query_id="1", text=BY_CITY, values=("Zanzibar",), role=CLERK)
OF_LOGIN = Question(query_id="2", text=LOGIN, values=(SECRET, None))
REFUSED = Question(query_id="3", text="select refused")


def fake() -> FakePlanner:
    def tree(asked: Question, configuration: Configuration) -> str:
        if "refused" in asked.text:
            return '!The server refused the value "Zanzibar".'
        where = "password = 'hunter2'::text" if asked.text == LOGIN else "city = 'Zanzibar'::text"
        return f"Seq Scan on public.customers cost={5 if configuration == AS_IS else 2} rows=1 filter: ({where})"

    return FakePlanner(tree)


def recorded_snapshot() -> Snapshot:
    """A snapshot that a planner answered some questions for."""
    recording = Recording(fake())
    assert recording.costs([CITY, OF_LOGIN, REFUSED]) == (5.0, 5.0, None)
    assert recording.plan(CITY, NEW).cost == 2.0
    assert recording.sizes([DEFINITION])[0].size_bytes == 8192
    plain = snapshot(
        {
            "tables": {
                "public.customers": {
                    "columns": ["id bigint", "city text", "password text"],
                    "indexes": {"customers_city": "btree (city)"},
                    "stats": {"city": {"values": ["Zanzibar", "Rome"], "frequencies": [0.5, 0.1]}},
                }
            }
        }
    )
    value = ParameterValue(
        position=1, type="text", value="Zanzibar", source="most common value of public.customers.city"
    )
    observed = ObservedPlan(
        query_id="1", method=PlanMethod.VALUES, plan=fake().plan(CITY).plan or {}, planner="18", parameters=(value,)
    )
    window = Window(since=None, until=plain.server.collected_at, source="test")
    texts = tuple(StatementText(query_id=each.query_id, text=each.text) for each in (CITY, OF_LOGIN, REFUSED))
    return msgspec.structs.replace(
        plain,
        plans=(observed,),
        statements=Statements(window=window, texts=texts),
        answers=recording.answers,
        index_sizes=recording.index_sizes,
    )


def test_says_again_what_was_kept_and_refuses_the_rest() -> None:
    kept = recorded_snapshot()
    read = msgspec.json.decode(msgspec.json.encode(kept), type=Snapshot)
    planner, inner = Recorded(read), fake()
    for asked, configuration in ((CITY, AS_IS), (OF_LOGIN, AS_IS), (REFUSED, AS_IS), (CITY, NEW)):
        assert planner.plan(asked, configuration) == inner.plan(asked, configuration)
        assert planner.unable(configuration) == ""
    assert planner.costs([REFUSED, CITY]) == (None, 5.0)
    assert planner.identity.kind is PlannerKind.RECORDED
    assert planner.identity.version == inner.identity.version
    other = Configuration(drop=NEW.drop)
    assert "no answer of this configuration" in planner.unable(other)
    assert planner.plan(CITY, other).refusal == planner.unable(other)
    for unknown in (replace(CITY, values=("Rome",)), replace(CITY, role=None)):
        assert planner.plan(unknown) == Answer(None, planner.plan(OF_LOGIN, NEW).refusal)
        assert "no answer for this statement with these values" in planner.plan(unknown).refusal
    elsewhere = msgspec.structs.replace(DEFINITION, table="elsewhere")
    assert [size.size_bytes for size in planner.sizes([DEFINITION, elsewhere])] == [8192, None]
    with pytest.raises(PlannerError):
        Recorded(snapshot({}))


def test_the_order_of_what_is_imagined_makes_no_other_question() -> None:
    one, other = (msgspec.structs.replace(DEFINITION, table=name) for name in ("one", "other"))
    gone = tuple(IndexName(schema="public", name=name) for name in "ab")
    given = Configuration(create=(one, other), drop=gone, settings=(("a", "1"), ("b", "2")))
    swapped = Configuration(create=(other, one), drop=gone[::-1], settings=(("b", "2"), ("a", "1")))
    recording = Recording(fake())
    assert recording.plan(CITY, given) == recording.plan(CITY, swapped)
    assert len(recording.answers) == 1
    planner = Recorded(msgspec.structs.replace(snapshot({}), answers=recording.answers))
    assert planner.unable(swapped) == ""
    assert planner.plan(CITY, swapped).cost == 2.0
    assert planner.unable(Configuration(create=(one,), drop=gone, settings=given.settings)) != ""


def test_nothing_is_asked_twice() -> None:
    inner = fake()
    recording = Recording(inner)
    assert recording.plan(CITY) == recording.plan(CITY)
    assert recording.costs([CITY]) == (5.0,)
    assert len(inner.asked) == len(recording.answers) == 1
    recording.close()
    assert inner.closed


def test_secrets_are_sealed() -> None:
    made = sealed(recorded_snapshot())
    assert SECRET not in str(made.answers)
    by_id = {answer.query_id: answer for answer in made.answers if answer.configuration == AS_IS}
    assert by_id["2"].values == (MASK, None)
    assert by_id["1"].values == ("Zanzibar",)
    assert any(
        "4 answers of a planner to what if, 3 of them for actual" in each or "answers" in each
        for each in made.contents.holds
    )


def test_values_and_names_are_redacted_and_the_answers_are_found_by_the_others() -> None:
    kept = recorded_snapshot()
    for names in (False, True):
        made = redacted(kept, names=names)
        text = msgspec.json.encode(made.answers).decode() + msgspec.json.encode(made.index_sizes).decode()
        assert [word for word in ("Zanzibar", "Acme", SECRET) if word in text] == []
        assert ("customers" in text) == (not names)
        planner = Recorded(made)
        (observed,) = made.plans
        (definition,) = made.answers[-1].configuration.create
        kept_for = msgspec.structs.replace(CLERK, name=made.answers[0].role)
        asked = Question(query_id="1", text="", values=(observed.parameters[0].value,), role=kept_for)
        assert (kept_for.name == "clerk") == (not names)
        new = made.answers[-1].configuration
        assert planner.plan(asked, new).cost == 2.0
        assert planner.plan(asked).cost == 5.0
        (table,) = made.catalog.relations
        (index,) = made.catalog.indexes
        assert definition.table == table.name
        assert new.drop[0].name == index.name
        assert dict(new.settings)["work_mem"] == "64MB"
        assert planner.sizes([definition])[0].size_bytes == 8192
