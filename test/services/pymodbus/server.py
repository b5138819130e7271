"""A Modbus server of pymodbus 3: `server.py tcp <port>` or `server.py rtu <serial port>`.

Holding register i holds 1000 + i, input register i 2000 + i, coil and discrete input i are on where i % 3 == 0;
of all there are 200. Prints "ready" before it begins to serve.
"""
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartSerialServer, StartTcpServer
from pymodbus.transaction import ModbusRtuFramer

kind, where = sys.argv[1], sys.argv[2]
bits = [i % 3 == 0 for i in range(200)]
unit = ModbusSlaveContext(
    di=ModbusSequentialDataBlock(0, list(bits)),
    co=ModbusSequentialDataBlock(0, list(bits)),
    hr=ModbusSequentialDataBlock(0, [1000 + i for i in range(200)]),
    ir=ModbusSequentialDataBlock(0, [2000 + i for i in range(200)]),
    zero_mode=True,
)
context = ModbusServerContext(slaves={5: unit}, single=False)
print("ready", flush=True)
if kind == "tcp":
    StartTcpServer(context=context, address=("127.0.0.1", int(where)))
else:
    StartSerialServer(context=context, framer=ModbusRtuFramer, port=where, baudrate=115200, timeout=0.05)
