"""The example, with one promise broken: FAULT says which."""
import os
import pathlib
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docs" / "examples"))
import shipping  # noqa: E402

right = shipping.obey
answer = shipping.answer
seen = set()


def another_parcel_each_time(books, command_id, order_id, command, data):
    kind, said = right(books, command_id, order_id, command, data)
    return kind, {**said, "shipmentId": f"py-{uuid.uuid4()}"} if kind == "OrderShipped" else said


def no_tombstone(books, command_id, order_id, command, data):
    kind, said = right(books, command_id, order_id, command, data)
    late = {"commandId": command_id, "shipmentId": f"py-{command_id}"}
    return ("OrderShipped", late) if said.get("reason") == "already-cancelled" else (kind, said)


def no_pivot(books, command_id, order_id, command, data):
    kind, said = right(books, command_id, order_id, command, data)
    gone = kind == "ShipmentCancellationRefused"
    return ("ShipmentCancelled", {"commandId": command_id, "nothing": False}) if gone else (kind, said)


def answers_once(books, producer, message, failures):
    command_id = dict(message.headers())["ce_id"]
    if command_id not in seen:
        seen.add(command_id)
        answer(books, producer, message, failures)


def obeys_anything(books, producer, message, failures):
    headers = [(name, b"ShipOrder" if name == "ce_type" and value not in (b"ShipOrder", b"CancelShipment") else value)
               for name, value in message.headers()]
    answer(books, producer, Changed(message, headers), failures)


class Changed:
    def __init__(self, message, headers):
        self.value = lambda: message.value() if len(message.value()) > 2 else b'{"country":"FR"}'
        self.headers = lambda: headers


class NoVersion:
    def __init__(self, producer):
        self.producer = producer

    def produce(self, topic, value, key, headers, on_delivery):
        kept = [(name, text) for name, text in headers if name != "ce_dataschema"]
        self.producer.produce(topic, value, str(uuid.UUID(int=1)), headers=kept, on_delivery=on_delivery)


def another_envelope(books, producer, message, failures):
    answer(books, NoVersion(producer), message, failures)


fault = os.environ["FAULT"]
if fault in ("answers_once", "obeys_anything", "another_envelope"):
    shipping.answer = globals()[fault]
else:
    shipping.obey = globals()[fault]
shipping.main()
