"""Venues, events, their price history and their bookings."""

from django.db import models

PRICE_INDEX = "shop_price_event_at"


class Venue(models.Model):
    """A place with a number of seats."""

    name = models.CharField(max_length=80)
    city = models.CharField(max_length=40)


class Event(models.Model):
    """Something to book; `remaining` is the stock that bookings take from."""

    title = models.CharField(max_length=120)
    category = models.CharField(max_length=20, db_index=True)
    venue = models.ForeignKey(Venue, models.PROTECT)
    starts_at = models.DateTimeField(db_index=True)
    seats = models.PositiveIntegerField()
    remaining = models.PositiveIntegerField()


class Price(models.Model):
    """The price of an event at one moment. The fault `missing_index` takes the index away."""

    event = models.ForeignKey(Event, models.CASCADE, db_index=False)
    at = models.DateTimeField()
    cents = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["event", "at"], name=PRICE_INDEX)]


class Booking(models.Model):
    """Seats taken by one customer."""

    event = models.ForeignKey(Event, models.CASCADE)
    customer = models.CharField(max_length=40)
    seats = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
