"""Steady, realistic traffic to 127.0.0.1: Poisson arrivals under a slow wave, a mix of requests."""

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

_WAVE_S = 600.0
_THREADS = 12
# More than this unanswered, and a real crowd would have left: arrivals are dropped and counted.
_MOST_WAITING = 40

_local = threading.local()


def rate_at(moment_s: float, mean_per_s: float) -> float:
    """Arrivals per second: a day's wave squeezed into ten minutes, from 0.4 to 1.6 of the mean."""
    return mean_per_s * (1 + 0.6 * math.sin(2 * math.pi * moment_s / _WAVE_S))


class Crowd:
    """Customers of one shop. `counts` holds answers by status, and what failed or was dropped."""

    def __init__(self, shop_url: str, per_s: float = 3.0) -> None:
        self._url = shop_url
        self._per_s = per_s
        self._random = random.Random()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self.counts: Counter[str] = Counter()
        self._visits: list[tuple[int, Callable[[], requests.Response]]] = [
            (34, self._look_around),
            (34, self._look_closer),
            (10, self._watch_prices),
            (14, self._book),
            (5, self._analyse),
            (3, self._get_lost),
            (8, self._ask_price),
        ]

    def run(self, stopped: threading.Event) -> None:
        """Send traffic until `stopped`; returns when every request has been answered."""
        begun = time.monotonic()
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="customer") as pool:
            while not stopped.is_set():
                rate = rate_at(time.monotonic() - begun, self._per_s)
                stopped.wait(self._random.expovariate(rate))
                self._arrive(pool)

    def _arrive(self, pool: ThreadPoolExecutor) -> None:
        weights, visits = zip(*self._visits, strict=True)
        visit = self._random.choices(visits, weights)[0]
        # People come to a report together: after a meeting, or a mail with a link.
        for _ in range(4 if visit == self._analyse else 1):
            if not self._waiting.acquire(blocking=False):
                self.counts["dropped"] += 1
                continue
            pool.submit(self._visit, visit)

    def _visit(self, visit: Callable[[], requests.Response]) -> None:
        try:
            answer = visit()
            self.counts[str(answer.status_code)] += 1
        except requests.RequestException as error:
            self.counts[type(error).__name__] += 1
        finally:
            self._waiting.release()

    def _get(self, path: str, **parameters: object) -> requests.Response:
        return self._session().get(self._url + path, params=parameters, timeout=15)

    def _post(self, path: str, **body: object) -> requests.Response:
        return self._session().post(self._url + path, json=body, timeout=15)

    def _session(self) -> requests.Session:
        if not hasattr(_local, "session"):
            _local.session = requests.Session()
        session: requests.Session = _local.session
        return session

    def _event(self) -> int:
        # Some events are far more popular than others.
        return min(200, 1 + int(self._random.paretovariate(0.8)))

    def _look_around(self) -> requests.Response:
        category = self._random.choice(["concert", "theatre", "sport", "talk", ""])
        return self._get("/events", category=category, page=self._random.choice([0, 0, 0, 1, 2]))

    def _look_closer(self) -> requests.Response:
        return self._get(f"/events/{self._event()}")

    def _watch_prices(self) -> requests.Response:
        return self._get(f"/events/{self._event()}/prices", days=self._random.choice([7, 30, 40]))

    def _ask_price(self) -> requests.Response:
        return self._get(f"/events/{self._event()}/quote", seats=self._random.randint(1, 4))

    def _book(self) -> requests.Response:
        event, customer = self._event(), f"c{self._random.randrange(5000)}"
        answer = self._post(
            "/bookings", event_id=event, seats=self._random.randint(1, 4), customer=customer
        )
        if answer.status_code == 409 and self._random.random() < 0.3:
            self._post(f"/events/{event}/restock")
        return answer

    def _analyse(self) -> requests.Response:
        return self._get("/analysis/demand")

    def _get_lost(self) -> requests.Response:
        return self._get(f"/events/{self._random.choice(['9999', 'tomorrow', '0'])}")
