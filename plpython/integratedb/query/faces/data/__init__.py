"""Contains the face that takes queries as data: HoneySQL's maps as JSON, with a value by its place."""
