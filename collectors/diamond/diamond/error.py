"""What Diamond raises: a configuration or a metric that is no use."""


class DiamondException(Exception):
    def __init__(self, message):
        super().__init__(message)
        self.message = message

    def __str__(self):
        return str(self.message)
