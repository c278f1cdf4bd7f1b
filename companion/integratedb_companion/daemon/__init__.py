"""The notification daemon: it carries row changes from a replication slot to the channels of stakeholders."""
