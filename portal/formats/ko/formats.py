"""Korean: 24 hours, since Django's own "2:59 오후" is in English order, and seconds for a log."""

TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "Y년 n월 j일 H:i:s"
SHORT_DATETIME_FORMAT = "Y-m-d H:i:s"
