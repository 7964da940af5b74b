"""How good an image is: functions of arrays that know no solver."""
