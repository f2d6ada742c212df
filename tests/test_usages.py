"""Usage objects that are alike are read by one of them: what comes out is what reading each alone gives."""

import random

import duckdb
import pyarrow as pa
import pytest

from chatlogs.normalizing.folding import fold
from chatlogs.normalizing.tables import usages

PLAIN = '{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}'
NESTED = (
    '{"prompt_tokens":%d,"completion_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d,"audio_tokens":0},'
    '"completion_tokens_details":{"reasoning_tokens":%d,"audio_tokens":null,"accepted_prediction_tokens":%d}}'
)
SHAPES = [
    PLAIN,
    NESTED,
    '{"prompt_tokens": %d, "total_tokens": %d }',
    '{"prompt_tokens":%d,"prompt_tokens":%d,"completion_tokens":7}',
    '{"prompt_tokens":"%d","completion_tokens":%d}',
    '{"prompt_tokens":%d.0,"completion_tokens":%d.5,"total_tokens":%d}',
    '{"prompt_tokens":-%d,"completion_tokens":%de2,"total_tokens":%d}',
    '{"prompt_tokens":[%d],"completion_tokens":{"a":%d},"total_tokens":%d}',
    '{"prompt_tokens":true,"completion_tokens":null,"cost":0.00%d,"total_tokens":%d}',
    '{"prompt_tokens_details":null,"prompt_cache_hit_tokens":%d,"cached_tokens":%d,"num_cached_tokens":1}',
    '{"tier":"pro \\" 12 %d","prompt_tokens":%d,"cache_creation_input_tokens":%d,"reasoning_tokens":%d}',
    '{"precached_prompt_tokens":%d,"prompt_tokens_details":{"cache_creation_tokens":%d,"cache_creation_input_tokens":%d}}',
    '{"queue_time":0.%d,"prompt_tokens":%d}',
    '{"queue_time":0.1,"x":{"y":[1,%d]},"prompt_tokens":9007199254740993,"completion_tokens":%d}',
    "{}",
]


def _texts(shape: str, count: int, seed: int) -> list[str]:
    """Texts of a shape, with numbers of all lengths."""
    draw = random.Random(seed)
    return [shape % tuple(draw.randrange(10 ** draw.choice((1, 1, 3, 7, 8, 9, 17))) for _ in range(shape.count("%d")))
            for _ in range(count)]  # fmt: skip


def _one_by_one(con, texts: list[str | None]) -> dict[str, list[int | None]]:
    parts = [
        usages.token_counts(con, pa.chunked_array([texts[at : at + usages.FEW]], pa.string()))
        for at in range(0, len(texts), usages.FEW)
    ]
    return {name: [value for part in parts for value in part[name].to_pylist()] for name in usages.NAMES}


@pytest.fixture(scope="module")
def con():
    con = fold.connect()
    usages.prepare(con)
    return con


@pytest.mark.parametrize("shape", SHAPES)
def test_texts_alike_are_read_as_each_alone(con, shape: str) -> None:
    texts = [*_texts(shape, 1500, 1), None, *_texts(shape, 1500, 2)]
    chunks = pa.chunked_array(
        [pa.array(["", *texts[:100]], pa.string())[1:], pa.array([], pa.string()), pa.array(texts[100:], pa.string())]
    )
    found = usages.token_counts(con, chunks)
    assert {name: values.to_pylist() for name, values in found.items()} == _one_by_one(con, texts)


def test_texts_of_many_shapes_are_read_as_each_alone(con) -> None:
    texts = [text for number, shape in enumerate(SHAPES) for text in _texts(shape, 800, number)]
    random.Random(3).shuffle(texts)
    found = usages.token_counts(con, pa.chunked_array([texts]))
    assert {name: values.to_pylist() for name, values in found.items()} == _one_by_one(con, texts)
    assert sum(value is not None for value in found["prompt_tokens"].to_pylist()) > 3000


def test_plain_texts_need_no_parsing(con) -> None:
    texts = [NESTED % (n, n + 1, n % 7, n % 5, n % 3) for n in range(3000)]
    first = usages.token_counts(con, pa.chunked_array([texts]))
    with duckdb.connect() as closed:
        pass
    again = usages.token_counts(closed, pa.chunked_array([texts]))
    assert first == again
    assert again["prompt_tokens"].to_pylist() == list(range(3000))
    assert again["cached_tokens"].to_pylist() == [n % 7 for n in range(3000)]
    assert again["total_tokens"].null_count == 3000
