"""What a verification tells, and why there may be none."""


class Unreadable(Exception):
    pass


class Usage(Exception):
    pass


class Findings(list):
    def add(self, kind, where, words):
        self.append((kind, where, words))


def events_words(first, last):
    return f"event {first}" if first == last else f"events {first}-{last}"
