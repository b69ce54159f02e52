"""Units: binary has bits and bytes, time what is longer than a nanosecond. binary.convert(1, "MB", "kB") is 1024.0.

An object is one amount: each unit is a method of it, which sets the amount when it gets a value and else returns it.
"""
import re

_WORD_BEGINS = re.compile("(?<=.)(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])")


def camelcase_to_underscore(name):
    """"maxUsedMB" is "max_used_mb"."""
    return _WORD_BEGINS.sub("_", name).lower()


class _Amount:
    sizes = {}  # unit -> how many of the smallest it is

    def __init__(self, value=None, unit=None):
        self.value = None
        self.do(value, unit)

    @classmethod
    def convert(cls, value=None, oldUnit=None, newUnit=None):
        return cls(value, oldUnit).get(newUnit)

    @classmethod
    def _size(cls, unit):
        if unit not in cls.sizes:
            raise NotImplementedError("unit %s is unknown" % unit)
        return cls.sizes[unit]

    def do(self, value=None, unit=None):
        size = self._size(unit) if unit else 1
        if value is None:
            return self.value / size if self.value is not None else None
        self.value = float(value) * size
        return None

    def set(self, value, unit=None):
        return self.do(value, unit)

    def get(self, unit=None):
        return self.do(None, unit)


def _units(cls, rows):
    """Of a row the first name is a method, too."""
    for size, *names in rows:
        cls.sizes.update(dict.fromkeys(names, size))
        setattr(cls, names[0], lambda self, value=None, unit=names[0]: self.do(value, unit))


class binary(_Amount):
    sizes = {}


class time(_Amount):
    sizes = {}

    @classmethod
    def _size(cls, unit):
        return super()._size(unit.lower())


_units(binary, [(1, "bit", "b"), (8, "byte", "B")])
for _power, (_word, _letter) in enumerate((("kilo", "k"), ("mega", "M"), ("giga", "G"), ("tera", "T"), ("peta", "P"), ("exa", "E"),
                                           ("zetta", "Z"), ("yotta", "Y")), start=1):
    _big = _letter.upper()
    _units(binary, [(1024 ** _power, _word + "bit", _letter + "bit", _big + "ibit"),
                    (8 * 1024 ** _power, _word + "byte", _letter + "B", _big + "iB")])
binary.sizes["Mbyte"] = binary.sizes["megabyte"]

_units(time, [(size, name, name + "s", short) for size, name, short in (
    (1e-6, "nanosecond", "ns"), (1e-3, "microsecond", "us"), (1, "millisecond", "ms"), (1000, "second", "s"), (60e3, "minute", "m"),
    (3600e3, "hour", "h"), (86400e3, "day", "d"), (365 * 86400e3, "year", "y"))])
