/** Tags that can be set, and the log of that, without a gateway. */
import type { Problem, TagView, WriteView } from '@lineside/shared/contracts/api.ts';
import type { WriteOutcome } from '@lineside/shared/contracts/write.ts';

type Value = number | boolean | string;

const common = { gateway: 'gw-line-1', at: null, quality: 0 };
const none = { min: null, max: null, names: [] };

export class MockWrites {
  readonly tags: TagView[] = [
    {
      ...{ ...common, id: 51, device: 'packer', name: 'targetSpeed', label: 'Target speed', type: 'float64' },
      ...{ unit: '1/min', decimals: 0, value: 120, write: { min: 60, max: 130, names: [] } },
    },
    {
      ...{ ...common, id: 52, device: 'packer', name: 'mode', label: 'Mode', type: 'string', unit: '', decimals: 0 },
      ...{ value: 'Automatic', write: { ...none, names: ['Automatic', 'Manual', 'Cleaning'] } },
    },
    {
      ...{ ...common, id: 53, device: 'moulder', name: 'heaters', label: 'Heaters', type: 'boolean', unit: '' },
      ...{ decimals: 0, value: true, write: none },
    },
  ];
  readonly log: WriteView[] = [];

  /** The manual mode is refused by the device, and of the heaters nothing is heard. */
  write(id: number, value: Value, comment: string, by: string, at: number): WriteOutcome | Problem {
    const tag = this.tags.find((each) => each.id === id)!;
    const old = tag.value;
    const error = value === 'Manual' ? 'the device refused it: exception 4' : '';
    const unknown = tag.name === 'heaters';
    if (!error && !unknown) tag.value = value;
    this.log.unshift({
      ...{ id: `w-${this.log.length}`, gateway: tag.gateway, device: tag.device, tag: tag.name, unit: tag.unit },
      ...{ machine: '', machineName: tag.device === 'packer' ? 'Packer' : 'Injection moulder', by, via: 'hub' },
      ...{ comment, at, requested: value, state: unknown ? 'unknown' : error ? 'failed' : 'written' },
      ...{ old: unknown ? null : old, new: unknown ? null : tag.value, error, decidedAt: unknown ? null : at },
    });
    const detail = 'it is not known whether it was written: gateway gw-line-1 has not answered within 20 s';
    if (unknown) return { type: 'about:blank', title: 'No answer', status: 504, code: 'WRITE_UNKNOWN', detail };
    return { id: this.log[0]!.id, ok: error === '', old, new: tag.value, at, error };
  }
}
