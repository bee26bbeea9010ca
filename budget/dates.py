"""The days that money is planned and spent on; a year outside is a typing error."""

import datetime

FIRST_DAY = datetime.date(2000, 1, 1)
LAST_DAY = datetime.date(2100, 12, 31)
