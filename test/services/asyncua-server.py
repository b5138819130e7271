"""An OPC UA server of another stack: a machine whose values a test sets by lines on the standard input.

usage: asyncua-server.py PORT NAMESPACE [URI OF A NAMESPACE BEFORE IT ...]
lines: set NAME NUMBER | bad NAME | bare NAME NUMBER (no source time) | historize NAME (keep its values from now on)
"""

import asyncio
import json
import sys
from datetime import datetime, timezone

from asyncua import Server, ua

PORT, NAMESPACE, *BEFORE = sys.argv[1:]


async def main():
    server = Server()
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

    async with server:
        print(json.dumps({"endpoint": f"opc.tcp://127.0.0.1:{PORT}"}), flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            word, name, *rest = line.split()
            if word == "historize":
                await server.historize_node_data_change(server.get_node(ua.NodeId(name, index)))
            elif word == "bad":
                await write(name, None, ua.StatusCodes.BadSensorFailure)
            else:
                await write(name, float(rest[0]), timed=word == "set")
                # A value a millisecond at most, also of lines that have waited: frames know no shorter times.
                await asyncio.sleep(0.002)


asyncio.run(main())
