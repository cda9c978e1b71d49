"""Remote write requests for tests, built from the schema of the receiver."""

import cramjam

from apps.monitoring.prometheus import messages
from apps.monitoring.prometheus.messages import _CLASSES as C


def series(*samples, exemplars=(), histograms=(), **labels):
    """One TimeSeries of 1.0; samples are (ms, value)."""
    labels = {("__name__" if k == "name" else k): v for k, v in labels.items()}
    return C["TimeSeries"](
        labels=[C["Label"](name=k, value=v).SerializeToString() for k, v in sorted(labels.items())],
        samples=[C["Sample"](timestamp=ms, value=value) for ms, value in samples],
        exemplars=exemplars,
        histograms=histograms,
    )


def request(*series_):
    return messages.WriteRequest(timeseries=series_).SerializeToString()


def packed(body):
    return bytes(cramjam.snappy.compress_raw(body))


def request2(*described):
    """A request of 2.0; each is (labels, fields of TimeSeries)."""
    symbols = [""]

    def refs(labels):
        found = []
        for pair in sorted(labels.items()):
            for text in pair:
                if text not in symbols:
                    symbols.append(text)
                found.append(symbols.index(text))
        return found

    timeseries = [C["TimeSeries2"](labels_refs=refs(labels), **rest) for labels, rest in described]
    return messages.Request2(symbols=symbols, timeseries=timeseries).SerializeToString()


def histogram(**fields):
    spans = ("positive_spans", "negative_spans")
    made = {k: v for k, v in fields.items() if k not in spans}
    for name in spans:
        made[name] = [C["Span"](offset=o, length=n) for o, n in fields.get(name, ())]
    return C["Histogram"](**made)


def sample(ms, value, **fields):
    return C["Sample"](timestamp=ms, value=value, **fields)


def metadata(kind):
    return C["Metadata"](type=kind)


def exemplar(ms, value, **labels):
    pairs = [C["Label"](name=k, value=v) for k, v in labels.items()]
    return C["Exemplar"](labels=pairs, value=value, timestamp=ms)
