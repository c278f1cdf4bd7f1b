"""The notification daemon: delivers row changes from a replication slot to the channels of stakeholders."""
