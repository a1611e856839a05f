"""A transport without a network: a script of answers, for what no right server gives."""


class Answer:
    """An answer with everything in memory."""

    def __init__(self, status=200, body=b"", **headers):
        self.status = status
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.headers = {"content-length": str(len(body)), **named}
        self.body = body
        self.at = 0
        self.sent_crc64 = None

    def read(self, limit):
        return self.body[:limit]

    def read_into(self, view):
        piece = self.body[self.at : self.at + len(view)]
        view[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)

    def finish(self):
        pass

    def discard(self):
        pass


class Scripted:
    """A transport that keeps requests and gives the answers of a script."""

    def __init__(self, *answers):
        self.requests = []
        self._answers = list(answers)

    def send(self, request):
        self.requests.append(request)
        return self._answers.pop(0)
