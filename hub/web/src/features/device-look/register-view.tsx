import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { MAX_REGISTERS, type ModbusTable } from '@lineside/shared/contracts/device-look.ts';
import { Button, Select, Skeleton, TextInput } from '@mantine/core';
import { IconBinary, IconRefresh } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { fleetApi } from '../../api/fleet-api.ts';
import { formatClock } from '../../format/duration.ts';
import { FailedPanel } from '../../ui/failed-panel.tsx';
import { MessagePanel } from '../../ui/message-panel.tsx';
import classes from './device-look.module.css';
import { RegisterTable } from './register-table.tsx';

const TABLES: { value: ModbusTable; label: string }[] = [
  { value: 'holding', label: 'Holding registers' },
  { value: 'input', label: 'Input registers' },
  { value: 'coil', label: 'Coils' },
  { value: 'discrete', label: 'Discrete inputs' },
];
const LAST = 65_535;

/** The registers of a Modbus device that somebody asks for. */
export function RegisterView({ gateway, device }: { gateway: GatewayView; device: string }) {
  const [table, setTable] = useState<ModbusTable>('holding');
  const [first, setFirst] = useState('0');
  const [count, setCount] = useState('16');
  const [wish, setWish] = useState<{ table: ModbusTable; first: number; count: number } | null>(null);
  const read = useQuery({
    queryKey: ['registers', gateway.id, device, wish],
    queryFn: ({ signal }) => fleetApi.registers(gateway.id, { device, ...wish! }, signal),
    enabled: wish !== null && gateway.online,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const from = whole(first, 0, LAST);
  const many = whole(count, 1, MAX_REGISTERS);
  const tooFar = from !== null && many !== null && from + many - 1 > LAST;
  const ask = () => {
    if (from === null || many === null || tooFar) return;
    const next = { table, first: from, count: many };
    if (JSON.stringify(next) === JSON.stringify(wish)) void read.refetch();
    else setWish(next);
  };
  return (
    <>
      <form
        className={classes.bar}
        onSubmit={(event) => {
          event.preventDefault();
          ask();
        }}
      >
        <div className={classes.fields}>
          <Select
            label="Table"
            data={TABLES}
            value={table}
            allowDeselect={false}
            onChange={(next) => setTable((next as ModbusTable) ?? 'holding')}
          />
          <TextInput
            label="First (from 0)"
            inputMode="numeric"
            value={first}
            error={from === null ? '0 to 65,535' : null}
            onChange={({ currentTarget }) => setFirst(currentTarget.value)}
          />
          <TextInput
            label="How many"
            inputMode="numeric"
            value={count}
            error={many === null ? `1 to ${MAX_REGISTERS}` : tooFar ? 'Beyond address 65,535' : null}
            onChange={({ currentTarget }) => setCount(currentTarget.value)}
          />
        </div>
        <Button
          type="submit"
          leftSection={<IconRefresh size="1.1rem" />}
          loading={read.isFetching}
          disabled={!gateway.online || from === null || many === null || tooFar}
        >
          Read
        </Button>
      </form>
      {wish === null ? (
        <MessagePanel icon={<IconBinary size="1.6rem" />} title="Nothing read yet">
          Say which registers, and press Read. Each comes with what it may mean, as an entry for the configuration.
        </MessagePanel>
      ) : read.data ? (
        <>
          <span className={classes.at}>As it was at {formatClock(read.dataUpdatedAt)}</span>
          {read.error ? <FailedPanel title="Not read again" error={read.error} onRetry={read.refetch} /> : null}
          <RegisterTable found={read.data} />
        </>
      ) : read.error ? (
        <FailedPanel title="Not read" error={read.error} onRetry={read.refetch} />
      ) : (
        <Skeleton height="12rem" aria-label="The gateway asks the device" />
      )}
    </>
  );
}

/** Null when it is none between the two. */
function whole(text: string, least: number, most: number): number | null {
  const value = Number(text);
  return text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most ? value : null;
}
