"""A Sparkplug host or edge node of others. Prints what it hears and takes orders, both as lines of JSON.

    pysparkplug-peer.py host PORT GROUP NODE
    pysparkplug-peer.py node PORT GROUP NODE
"""

import datetime
import json
import sys
import threading

from pysparkplug import (
    Client,
    DataType,
    DCmd,
    Device,
    EdgeNode,
    Message,
    MessageType,
    Metric,
    NCmd,
    QoS,
    State,
    Topic,
    get_current_timestamp,
)

said = threading.Lock()


def say(what):
    with said:
        print(json.dumps(what), flush=True)


def plain(value):
    if isinstance(value, datetime.datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, bytes):
        return list(value)
    return list(value) if isinstance(value, tuple) else value


def heard(_, message):
    payload = message.payload
    metrics = getattr(payload, "metrics", None) or (
        [payload.bd_seq_metric] if hasattr(payload, "bd_seq_metric") else []
    )
    say(
        {
            "type": message.topic.message_type.value,
            "device": message.topic.device_id,
            "seq": getattr(payload, "seq", None),
            "qos": int(message.qos),
            "metrics": [
                {
                    "name": metric.name,
                    "type": metric.datatype.name,
                    "value": plain(metric.value),
                    "historical": metric.is_historical,
                    "null": metric.is_null,
                    "timed": metric.timestamp is not None,
                }
                for metric in metrics
            ],
        }
    )


def metric(name, datatype, value):
    return Metric(timestamp=get_current_timestamp(), name=name, datatype=DataType[datatype], value=value)


def host(port, group, node):
    client = Client()
    for kind in ("BIRTH", "DATA", "DEATH"):
        topic = Topic(group_id=group, message_type=MessageType["N" + kind], edge_node_id=node)
        client.subscribe(topic, QoS.AT_LEAST_ONCE, heard)
        topic = Topic(group_id=group, message_type=MessageType["D" + kind], edge_node_id=node, device_id="+")
        client.subscribe(topic, QoS.AT_LEAST_ONCE, heard)
    client.connect("127.0.0.1", port=port, callback=lambda _: say({"ready": True}))
    for line in sys.stdin:
        order = json.loads(line)
        if "state" in order:
            topic = Topic(message_type=MessageType.STATE, sparkplug_host_id=order["host"])
            payload = State(timestamp=order["timestamp"], online=order["state"])
            client.publish(Message(topic=topic, payload=payload, qos=QoS.AT_LEAST_ONCE, retain=True))
            continue
        metrics = (metric(order["name"], order["type"], order["value"]),)
        device = order.get("device")
        kind = MessageType.DCMD if device else MessageType.NCMD
        topic = Topic(group_id=group, message_type=kind, edge_node_id=node, device_id=device)
        payload = (DCmd if device else NCmd)(timestamp=get_current_timestamp(), metrics=metrics)
        message = Message(topic=topic, payload=payload, qos=QoS.AT_MOST_ONCE, retain=False)
        client.publish(message, include_dtypes=True)


VALUES = [
    ("INT8", -128),
    ("INT16", -2),
    ("INT32", -(2**31)),
    ("INT64", -(2**53) - 1),
    ("UINT8", 255),
    ("UINT16", 65535),
    ("UINT32", 2**32 - 1),
    ("UINT64", 2**64 - 1),
    ("FLOAT", 1.5),
    ("DOUBLE", 1e300),
    ("BOOLEAN", True),
    ("STRING", "Störung"),
    ("TEXT", ""),
    ("UUID", "6b7c9d8e-0000-4000-8000-1234567890ab"),
    ("DATETIME", datetime.datetime.fromtimestamp(1795337589, datetime.timezone.utc)),
    ("BYTES", b"\x00\xff"),
    ("INT16_ARRAY", (1, -1)),
    ("DOUBLE", None),
]


def all_types():
    return [
        Metric(
            timestamp=get_current_timestamp(),
            name=f"{name}/{i}",
            datatype=DataType[name],
            value=value,
            alias=i + 1,
            is_null=value is None,
        )
        for i, (name, value) in enumerate(VALUES)
    ]


def node(port, group, name):
    edge = EdgeNode(group, name, [metric("Node Control/Rebirth", "BOOLEAN", False)], cmd_callback=heard)
    edge.register(Device("press", all_types(), cmd_callback=heard))
    edge.connect("127.0.0.1", port=port)
    say({"ready": True})
    for line in sys.stdin:
        if json.loads(line).get("update"):
            edge.update_device("press", all_types())
    edge.disconnect()


if __name__ == "__main__":
    role, number, *names = sys.argv[1:]
    (host if role == "host" else node)(int(number), *names)
