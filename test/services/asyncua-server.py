"""An OPC UA server of another stack: a machine whose values a test sets by lines on the standard input.

usage: asyncua-server.py PORT NAMESPACE [URI OF A NAMESPACE BEFORE IT ...]
lines: set NAME NUMBER | bad NAME | bare NAME NUMBER (no source time) | historize NAME (keep its values from now on)
  | alarm NAME FLAG ... (those that hold of: active acked retain)
"""

import asyncio
import json
import sys
from datetime import datetime, timezone

from asyncua import Server, ua

PORT, NAMESPACE, *BEFORE = sys.argv[1:]


async def main():
    server = Server()
    # Binds ConditionRefresh; the number is the severity of its own events.
    server.iserver.bind_condition_methods = 100
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{PORT}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    for uri in BEFORE:
        await server.register_namespace(uri)
    index = await server.register_namespace(NAMESPACE)
    machine = await server.nodes.objects.add_object(ua.NodeId("Machine", index), f"{index}:Machine")
    for name in ("Speed", "Level", "Count"):
        kind = ua.VariantType.Int32 if name == "Count" else ua.VariantType.Double
        variable = await machine.add_variable(
            ua.NodeId(name, index), f"{index}:{name}", 1 if name == "Count" else 1.0, varianttype=kind
        )
        if name != "Level":
            await variable.set_writable()

    async def write(name, value, status=ua.StatusCodes.Good, timed=True):
        data = ua.DataValue(
            ua.Variant() if value is None else ua.Variant(value, ua.VariantType.Double),
            StatusCode=ua.StatusCode(status),
            SourceTimestamp=datetime.now(timezone.utc) if timed else None,
        )
        await server.write_attribute_value(ua.NodeId(name, index), data)

    alarms = {}

    async def alarm(name, flags):
        if name not in alarms:
            alarms[name] = await server.get_event_generator(ua.ObjectIds.ExclusiveLevelAlarmType)
            alarms[name].event.SourceNode = machine.nodeid
            alarms[name].event.SourceName = "Machine"
            alarms[name].event.add_property("NodeId", ua.NodeId(name, index), ua.VariantType.NodeId)
            alarms[name].event.ConditionName = name
            alarms[name].event.Severity = 700
        event = alarms[name].event
        for field, flag in (("ActiveState/Id", "active"), ("AckedState/Id", "acked"), ("Retain", "retain")):
            event.add_property(field, flag in flags, ua.VariantType.Boolean)
        await alarms[name].trigger(message=f"{name} is so")

    async with server:
        print(json.dumps({"endpoint": f"opc.tcp://127.0.0.1:{PORT}"}), flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            word, name, *rest = line.split()
            if word == "alarm":
                await alarm(name, rest)
            elif word == "historize":
                await server.historize_node_data_change(server.get_node(ua.NodeId(name, index)))
            elif word == "bad":
                await write(name, None, ua.StatusCodes.BadSensorFailure)
            else:
                await write(name, float(rest[0]), timed=word == "set")
                # A value a millisecond at most, also of lines that have waited: frames know no shorter times.
                await asyncio.sleep(0.002)


asyncio.run(main())
