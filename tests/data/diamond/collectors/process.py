# coding=utf-8
"""A ProcessCollector: find_binary() and run_command()."""
import diamond.collector


class PrinterCollector(diamond.collector.ProcessCollector):
    def get_default_config_help(self):
        config_help = super(PrinterCollector, self).get_default_config_help()
        config_help.update({'bin': 'The path of printf'})
        return config_help

    def get_default_config(self):
        config = super(PrinterCollector, self).get_default_config()
        config.update({'path': 'printer', 'bin': self.find_binary('/no/such/folder/printf')})
        return config

    def collect(self):
        arguments = ['%s %s\n', 'one', '1', 'two', '2']
        for line in self.run_command(arguments)[0].splitlines():
            name, value = line.split(' ')
            self.publish(name, value)
        self.publish('arguments', len(arguments))
        self.publish('lost', int(self.find_binary('no-such-program') == 'no-such-program'))
