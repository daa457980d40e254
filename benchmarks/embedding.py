"""What the local embedder costs: speed, memory and what of the model's quality is lost.

    python benchmarks/embedding.py DIRECTORY [--rounds 9] [--quality]

DIRECTORY holds the Cranfield collection, whose text is cut into chunks of 188 tokens. Each engine
has a process of its own, and they take turns, so that what else the machine does harms all alike;
ratios are medians of the ratios of a round. With --quality each document and question is embedded
by the quantized and by the shipped model and ranked by cosine: minutes.

Engines: `quantized`, the product's; `shipped`, the model as its package ships it, each text a run,
side by side, as the product used it before; `fastembed`, with its defaults and with one text at a
time. fastembed and the cosines use the shipped weights in float32, which is how the shipped model
computes: no original is at hand. Its cosine to the original is 0.9994 or better.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from benchmarks.search_quality import DEPTH, judgements, ndcg, records  # noqa: E402

ENGINES = ("shipped", "quantized", "fastembed", "fastembed-one")
TOKENS = 186  # and two special ones
CHUNKS = 32  # in a round
QUESTIONS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quality", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        configure(Path(directory))
        write_float_model(Path(directory) / "float")
        make_quantized_model()
        engines = {name: Engine(name, Path(directory)) for name in ENGINES}
        compare(engines, asked.directory, asked.rounds)
        if asked.quality:
            compare_rankings(engines, asked.directory, Path(directory))
        for engine in engines.values():
            engine.end()


def compare(engines, collection, rounds):
    chunks = chunks_of(collection)
    questions = list(records(collection / "cran.qry").values())[:QUESTIONS]
    times: dict[str, list[list[float]]] = {name: [] for name in engines}
    for number in range(rounds):
        some = chunks[number * CHUNKS : (number + 1) * CHUNKS]
        for name, engine in engines.items():
            times[name].append(engine.ask(texts=some) + engine.ask(texts=questions, single=True))
    memory = {name: engine.ask(memory=True) for name, engine in engines.items()}
    print(f"{'':14}{'chunks':>8}{'of CPU':>8}{'question':>9}{'of CPU':>8}{'memory':>8}{'MB':>6}")
    for name in engines:
        ratios = [
            median(
                base[i] / own[i] for base, own in zip(times["shipped"], times[name], strict=True)
            )
            for i in range(4)
        ]
        chunk, chunk_cpu, question, question_cpu = ratios
        print(
            f"{name:14}{chunk:7.2f}x{chunk_cpu:7.2f}x{question:8.2f}x{question_cpu:7.2f}x"
            f"{memory[name] / memory['shipped']:7.2f}x{memory[name]:6.0f}"
        )
    rates = [CHUNKS / each[0] for each in times["quantized"]]
    print(f"quantized: {median(rates):.0f} chunks/s; more is faster, but for memory")
    vectors = [engines[name].vectors(chunks[:200]) for name in ("quantized", "shipped")]
    cosines = (vectors[0] * vectors[1]).sum(axis=1)
    print(f"cosine to float32 on 200 chunks: mean {cosines.mean():.4f}, least {cosines.min():.4f}")


def compare_rankings(engines, collection, directory):
    documents = records(collection / "cran.all.1400")
    questions = list(records(collection / "cran.qry").values())
    judged = judgements(collection / "cranqrel")
    numbers = np.array(list(documents))
    for name in ("quantized", "shipped"):
        kept = engines[name].vectors(list(documents.values()))
        asked = engines[name].vectors(questions)
        rankings = np.argsort(-(asked @ kept.T), axis=1, kind="stable")[:, :DEPTH]
        scores = [
            ndcg(list(numbers[ranking]), judged[number])
            for number, ranking in enumerate(rankings, start=1)
        ]
        print(f"{name:14} nDCG@{DEPTH} {np.mean(scores):.4f}")


class Engine:
    """A process that embeds with one engine."""

    def __init__(self, name, directory):
        command = [sys.executable, __file__, "--engine", name, str(directory)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdin
        assert self.process.stdout
        self.questions, self.answers = self.process.stdin, self.process.stdout
        self.vectors_file = directory / f"{name}.npy"
        self.ask(texts=["warm " * 180] * 4)

    def ask(self, **what):
        self.questions.write(json.dumps(what) + "\n")
        self.questions.flush()
        return json.loads(self.answers.readline())

    def vectors(self, texts):
        self.ask(texts=texts, keep=str(self.vectors_file))
        return np.load(self.vectors_file)

    def end(self):
        self.questions.close()
        self.process.wait()


def work(name, directory):
    """What runs in an engine's process: a question a line, an answer a line."""
    configure(directory)
    embed = {
        "quantized": open_quantized,
        "shipped": open_shipped,
        "fastembed": lambda: open_fastembed(directory / "float", 256),
        "fastembed-one": lambda: open_fastembed(directory / "float", 1),
    }[name]()
    for line in sys.stdin:
        asked = json.loads(line)
        if "memory" in asked:
            answer = peak_megabytes()
        else:
            wall, cpu = time.perf_counter(), time.process_time()
            if asked.get("single"):
                vectors = [embed([text])[0] for text in asked["texts"]]
            else:
                vectors = embed(asked["texts"])
            answer = [time.perf_counter() - wall, time.process_time() - cpu]
            if "keep" in asked:
                np.save(asked["keep"], np.array(vectors))
        print(json.dumps(answer), flush=True)


def make_quantized_model():
    from knowledge.embedding.minilm.files import quantized_model

    quantized_model("int8")  # at a first start, so here: it is not what an engine needs


def peak_megabytes():
    """The most memory this process ever had; `ru_maxrss` would count its parent's, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def open_quantized():
    from knowledge.embedding.minilm import local_embedder

    return local_embedder().embed


def open_shipped():
    import onnxruntime  # type: ignore[import-untyped]

    from knowledge.embedding.minilm import MAX_TOKENS, files

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(files.shipped_model(), options)
    tokenizer = files.load_tokenizer()
    tokenizer.enable_truncation(MAX_TOKENS)

    def vector(text):
        tokens = np.array([tokenizer.encode(text).ids])
        inputs = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        (hidden,) = session.run(None, inputs | {"token_type_ids": np.zeros_like(tokens)})
        mean = hidden[0].mean(axis=0)
        return mean / np.linalg.norm(mean)

    def embed(texts):
        with ThreadPoolExecutor(2) as pool:
            return np.array(list(pool.map(vector, texts)))

    return embed


def open_fastembed(directory, batch_size):
    from knowledge.embedding import fastembed_local

    model = fastembed_local.fastembed_embedder(str(directory))._model
    return lambda texts: list(model.embed(texts, batch_size=batch_size))


def configure(directory):
    from django.conf import settings

    settings.configure(MODELS_DIRECTORY=directory / "models")


def write_float_model(directory):
    """The shipped model with its weights as floats, as a directory that fastembed takes."""
    import onnxruntime

    from knowledge.embedding.minilm import MAX_TOKENS, files

    directory.mkdir()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(directory / "model.onnx")
    onnxruntime.InferenceSession(files.shipped_model(), options)
    (directory / "tokenizer.json").write_text(files.load_tokenizer().to_str())
    for name, content in {
        "config.json": {"hidden_size": 384, "max_position_embeddings": 512, "pad_token_id": 0},
        "tokenizer_config.json": {"model_max_length": MAX_TOKENS, "pad_token": "[PAD]"},
        "special_tokens_map.json": {"pad_token": "[PAD]"},
    }.items():
        (directory / name).write_text(json.dumps(content))


def chunks_of(collection):
    from knowledge.embedding.minilm.files import load_tokenizer

    text = "\n".join(records(collection / "cran.all.1400").values())
    spans = load_tokenizer().encode(text, add_special_tokens=False).offsets
    return [
        text[part[0][0] : part[-1][1]]
        for part in (spans[at : at + TOKENS] for at in range(0, len(spans) - TOKENS, TOKENS))
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        work(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
