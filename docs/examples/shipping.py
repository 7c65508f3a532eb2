"""Stands in for `shipping`: obeys shipping.commands, answers on shipping.replies. See docs/foreign-participants.md.

Environment: KAFKA_BROKERS, KAFKA_TOPIC_PREFIX, BOOKS (a SQLite file), KAFKA_CLIENT (more librdkafka settings as JSON).
"""
import json
import logging
import os
import signal
import sqlite3

from confluent_kafka import Consumer, KafkaException, Producer

PREFIX = os.environ.get("KAFKA_TOPIC_PREFIX", "")
COMMANDS, REPLIES = f"{PREFIX}shipping.commands", f"{PREFIX}shipping.replies"
CLIENT = {"bootstrap.servers": os.environ["KAFKA_BROKERS"], **json.loads(os.environ.get("KAFKA_CLIENT", "{}"))}
BATCH_MAX = 500
logging.basicConfig(level=logging.INFO, format="%(message)s")


def open_books(path):
    """What was answered, and what became of each order. Synced with each commit: an answer is never forgotten."""
    books = sqlite3.connect(path, isolation_level=None)
    books.execute("pragma journal_mode = wal")
    books.execute("pragma synchronous = full")
    books.execute("create table if not exists answers (command primary key, type not null, data not null)")
    books.execute("create table if not exists parcels (orderId primary key, state not null)")
    return books


def obey(books, command_id, order_id, command, data):
    """The answer to a command: the one that it got before, else a new one, which is in the books before it is sent."""
    answered = books.execute("select type, data from answers where command = ?", (command_id,)).fetchone()
    if answered:
        return answered[0], json.loads(answered[1])
    row = books.execute("select state from parcels where orderId = ?", (order_id,)).fetchone()
    state = row[0] if row else "none"
    if command == "ShipOrder":
        if state == "none" and not data["country"].startswith("ZZ"):
            # Here a carrier would be called, with the command's id as key: a repeat must not send a second parcel.
            state, kind, said = "shipped", "OrderShipped", {"shipmentId": f"py-{command_id}"}
        else:  # After an undo this is the tombstone at work: what comes late is refused.
            reason = "country-not-served" if state == "none" else f"already-{state}"
            state, kind, said = state if row else "failed", "ShippingFailed", {"reason": reason}
    elif state == "shipped":  # OrderShipped is the pivot: from there an order only goes forward.
        kind, said = "ShipmentCancellationRefused", {"reason": "already-shipped"}
    else:
        state, kind, said = "cancelled", "ShipmentCancelled", {"nothing": True}
    said = {"commandId": command_id, **said}
    books.execute("insert into answers values (?, ?, ?)", (command_id, kind, json.dumps(said)))
    books.execute("insert or replace into parcels values (?, ?)", (order_id, state))
    return kind, said


def answer(books, producer, message, failures):
    """Obeys one message and hands the answer to the producer. What is not understood is passed by."""
    headers = {name: (value or b"").decode() for name, value in message.headers() or []}
    command, command_id, order_id = headers.get("ce_type"), headers.get("ce_id"), headers.get("ce_subject")
    if command not in ("ShipOrder", "CancelShipment"):
        return logging.warning("passed by: %s %s", command, command_id)
    kind, said = obey(books, command_id, order_id, command, json.loads(message.value()))
    headers = {
        "ce_specversion": "1.0", "ce_id": f"{command_id}:answer", "ce_type": kind, "ce_source": "/examples/shipping",
        "ce_subject": order_id, "ce_dataschema": f"urn:recourse:{kind}:1", "ce_causationid": command_id,
        "traceparent": headers.get("traceparent", ""), "content-type": "application/json",
    }
    producer.produce(REPLIES, json.dumps(said), order_id, headers=list(headers.items()),
                     on_delivery=lambda error, _: failures.append(error) if error else None)


def main():
    running = [True]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: running.clear())
    books = open_books(os.environ.get("BOOKS", "shipping.db"))
    producer = Producer({**CLIENT, "enable.idempotence": True, "linger.ms": 0, "partitioner": "murmur2_random"})
    # The group of Recourse's own shipping: who takes its place goes on where it stood.
    consumer = Consumer({**CLIENT, "group.id": f"{PREFIX}shipping", "enable.auto.commit": False,
                         "auto.offset.reset": "earliest", "session.timeout.ms": 6000})
    consumer.subscribe([COMMANDS], on_assign=lambda *_: logging.info("ready"))
    while running:
        batch = [it for it in (consumer.poll(0.2), *consumer.consume(BATCH_MAX, 0)) if it]
        failures = [it.error() for it in batch if it.error()]
        books.execute("begin")
        for message in batch if not failures else []:
            answer(books, producer, message, failures)
        books.execute("commit")
        if producer.flush(30) or failures:  # Nothing is committed: whoever starts next answers it all again.
            raise KafkaException(failures[0] if failures else "Kafka does not acknowledge the answers")
        if batch:
            consumer.commit(asynchronous=False)
    consumer.close()
    logging.info("stopped")


if __name__ == "__main__":
    main()
