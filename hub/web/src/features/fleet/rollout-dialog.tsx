import { Button, Modal, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { fleetApi } from '../../api/fleet-api.ts';
import { useMay } from '../../api/session.ts';
import { isForeign } from '../../format/gateway-words.ts';
import { useGateways } from '../../live/live-context.tsx';
import { CodeEditor } from '../../ui/code-editor.tsx';
import { DialogButtons } from '../../ui/dialog-buttons.tsx';
import { LineDiff } from '../../ui/line-diff.tsx';
import { Refusal } from '../../ui/refusal.tsx';
import { isAllowed } from './accept-hint.tsx';
import classes from './rollout-dialog.module.css';

/** Which gateways, which configuration, in which waves. */
export function RolloutDialog({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient();
  const all = useGateways().filter(({ id }) => !isForeign(id));
  const able = all.filter((gateway) => gateway.online && isAllowed(gateway, 'config'));
  const area = useRef<HTMLTextAreaElement>(null);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [config, setConfig] = useState('');
  const [first, setFirst] = useState('1');
  const [each, setEach] = useState('5');
  const [restart, setRestart] = useState(false);
  const mayRestart = useMay('gateways.restart');
  const read = useMutation({
    mutationFn: (id: string) => fleetApi.config(id),
    onSuccess: (file) => setConfig(file.config),
  });
  const begun = read.data?.config;
  const begin = useMutation({
    mutationFn: fleetApi.beginRollout,
    onSuccess: onClose,
    onSettled: () => void queries.invalidateQueries({ queryKey: ['rollouts'] }),
  });
  const gateways = able.map(({ id }) => id).filter((id) => chosen.includes(id));
  const waves = { first: Number(first), each: Number(each) };
  const sound = isCount(waves.first, 2_000) && isCount(waves.each, 100);
  return (
    <Modal opened onClose={onClose} title="New rollout" size="60rem" closeOnClickOutside={false}>
      <div className={classes.body}>
        <fieldset className={classes.gateways}>
          <legend>Gateways, in this order</legend>
          {able.length === 0 ? (
            <p className={classes.hint}>None can take one now.</p>
          ) : (
            <label>
              <input
                type="checkbox"
                checked={gateways.length === able.length}
                onChange={({ currentTarget }) => setChosen(currentTarget.checked ? able.map(({ id }) => id) : [])}
              />
              All {able.length} that can take one
            </label>
          )}
          {able.map(({ id }) => (
            <label key={id}>
              <input
                type="checkbox"
                checked={chosen.includes(id)}
                onChange={({ currentTarget: { checked } }) =>
                  setChosen((now) => (checked ? [...now, id] : now.filter((other) => other !== id)))
                }
              />
              {id}
            </label>
          ))}
        </fieldset>
        {all.length > able.length ? (
          <p className={classes.hint}>
            {all.length - able.length} more are offline, or do not accept it (hub.accept: [config]).
          </p>
        ) : null}
        <div className={classes.waves}>
          <TextInput
            label="In the first wave"
            inputMode="numeric"
            value={first}
            error={isCount(waves.first, 2_000) ? null : '1 to 2,000'}
            onChange={({ currentTarget }) => setFirst(currentTarget.value)}
          />
          <TextInput
            label="In each one after it"
            inputMode="numeric"
            value={each}
            error={isCount(waves.each, 100) ? null : '1 to 100'}
            onChange={({ currentTarget }) => setEach(currentTarget.value)}
          />
          <Button
            variant="default"
            loading={read.isPending}
            disabled={gateways.length === 0}
            onClick={() => read.mutate(gateways[0]!)}
          >
            {gateways[0] ? `Begin with the file of ${gateways[0]}` : 'Begin with the file of a gateway'}
          </Button>
        </div>
        <CodeEditor
          label="Configuration for all of them, YAML"
          value={config}
          onChange={setConfig}
          marks={[]}
          area={area}
        />
        {begun !== undefined && begun !== config ? (
          <LineDiff label={`What changes from the file of ${read.variables}`} before={begun} after={config} />
        ) : null}
        <p className={classes.hint}>
          Each gateway keeps its own gateway, dataDir and hub; the rest is the same at all of them. The first that
          does not take it stops the rollout.
        </p>
        {mayRestart ? (
          <label className={classes.restart}>
            <input
              type="checkbox"
              checked={restart}
              onChange={({ currentTarget }) => setRestart(currentTarget.checked)}
            />
            <span>
              Where settings need it, each one restarts with it, on trial; for some seconds it reads no device then.
              Without this, such settings come untried with each one’s next start.
            </span>
          </label>
        ) : null}
        <Refusal error={begin.error ?? read.error} title="Not begun" />
        <DialogButtons>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            loading={begin.isPending}
            disabled={gateways.length === 0 || config.trim() === '' || !sound}
            onClick={() => begin.mutate({ gateways, config, ...waves, restart })}
          >
            {gateways.length === 1 ? 'Begin at 1 gateway' : `Begin at ${gateways.length} gateways`}
          </Button>
        </DialogButtons>
      </div>
    </Modal>
  );
}

function isCount(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}
