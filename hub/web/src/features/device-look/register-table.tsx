import type { Reading, Registers } from '@lineside/shared/contracts/device-look.ts';
import { useState } from 'react';
import { Snippet } from '../../ui/snippet.tsx';
import classes from './device-look.module.css';
import table from './register-table.module.css';

/** What each register holds and may mean; the reading that is chosen comes as an entry to paste. */
export function RegisterTable({ found }: { found: Registers }) {
  const [chosen, setChosen] = useState<{ address: number; words: string } | null>(null);
  const bits = found.table === 'coil' || found.table === 'discrete';
  return (
    <div className={classes.frame}>
      <table className={table.registers} aria-label="Registers">
        <thead>
          <tr>
            <th scope="col">Address</th>
            <th scope="col">{bits ? 'Bit' : 'Raw'}</th>
            <th scope="col">{bits ? 'As a tag' : 'What it may mean, the likeliest first'}</th>
          </tr>
        </thead>
        <tbody>
          {found.registers.map(({ address, raw, refused, readings }) => {
            const own =
              chosen?.address === address ? readings.find(({ words }) => words === chosen.words) : undefined;
            return [
              <tr key={address} data-testid="register">
                <th scope="row">{address}</th>
                <td>{raw === null ? '—' : bits ? raw : <Raw value={raw} />}</td>
                <td>
                  {refused ? <span className={table.refused}>{refused}</span> : null}
                  <div className={table.readings}>
                    {readings.map((reading) => (
                      <ReadingButton
                        key={reading.words}
                        reading={reading}
                        pressed={reading === own}
                        onPress={() => setChosen(reading === own ? null : { address, words: reading.words })}
                      />
                    ))}
                  </div>
                </td>
              </tr>,
              own ? (
                <tr key={`${address} tag`} className={table.details}>
                  <td colSpan={3}>
                    <Snippet name="Tag entry" text={own.tag} />
                  </td>
                </tr>
              ) : null,
            ];
          })}
        </tbody>
      </table>
    </div>
  );
}

function Raw({ value }: { value: number }) {
  return (
    <>
      {value} <small>0x{value.toString(16).toUpperCase().padStart(4, '0')}</small>
    </>
  );
}

function ReadingButton(props: { reading: Reading; pressed: boolean; onPress: () => void }) {
  const { words, value, registers } = props.reading;
  return (
    <button
      type="button"
      aria-pressed={props.pressed}
      title={registers > 1 ? `${registers} registers from here on` : undefined}
      onClick={props.onPress}
    >
      <b>{value}</b> {words}
    </button>
  );
}
