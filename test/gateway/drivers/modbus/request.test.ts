import { expect, test } from 'vitest';
import {
  maskWrite,
  readRequest,
  readWrite,
  writeCoil,
  writeCoils,
  writeRegister,
  writeRegisters,
} from '../../../../gateway/drivers/modbus/request.ts';
import { openLine } from './line.ts';
import { serve } from './rig.ts';

test.each(['mbap', 'rtu'] as const)('all functions are asked and answered, %s', async (framing) => {
  const server = await serve(framing);
  const { ask } = await openLine(server, framing);
  server.input.set([7, 8], 3);
  server.discrete[2] = 1;
  expect(await ask(writeCoil(1, 9, true))).toBe('0009ff00');
  expect(await ask(writeCoils(1, 10, [false, true, true]))).toBe('000a0003');
  expect(await ask(readRequest(1, 1, 9, 4))).toBe('0d');
  expect(await ask(readRequest(1, 2, 0, 9))).toBe('0400');
  expect(await ask(writeRegister(1, 5, 0x1234))).toBe('00051234');
  expect(await ask(writeRegisters(1, 6, Buffer.from('abcd0001', 'hex')))).toBe('00060002');
  expect(await ask(maskWrite(1, 5, 0xff00, 0x00ff))).toBe('0005ff0000ff');
  expect(await ask(readRequest(1, 3, 5, 3))).toBe('12ffabcd0001');
  expect(await ask(readRequest(1, 4, 3, 2))).toBe('00070008');
  expect(await ask(readWrite(1, { offset: 5, count: 2 }, { offset: 5, bytes: Buffer.from('0102', 'hex') }))).toBe(
    '0102abcd',
  );
  expect(await ask(readRequest(1, 3, 65_535, 2))).toBe('exception 2');
  expect(new Set(server.requests.map(({ code }) => code))).toEqual(new Set([1, 2, 3, 4, 5, 6, 15, 16, 22, 23]));

  // A confirmation of something else than was asked.
  server.behave = () => 'wrongFunction';
  expect(await ask(writeRegister(1, 5, 9))).not.toMatch(/^[0-9a-f]+$/);
  server.behave = () => 'right';
  expect(await ask(readRequest(1, 3, 5, 1))).toBe('0009');
});
