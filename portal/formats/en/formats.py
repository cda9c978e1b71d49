"""English: 24 hours and seconds, as the portal's own pages have them; a log needs both."""

TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "M j, Y, H:i:s"
SHORT_DATETIME_FORMAT = "Y-m-d H:i:s"
