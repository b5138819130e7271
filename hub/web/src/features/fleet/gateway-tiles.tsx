import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import type { ReactNode } from 'react';
import { formatDuration, formatFull, formatMoment } from '../../format/duration.ts';
import {
  BACKLOG_MIN,
  bytesWords,
  CLOCK_OFF_MS,
  certificateWords,
  clockWords,
  isForeign,
  upCount,
} from '../../format/gateway-words.ts';
import { formatNumber, UNKNOWN } from '../../format/value.ts';
import classes from './gateway-tiles.module.css';

/** The figures of a gateway. @param now milliseconds since 1970 UTC */
export function GatewayTiles({ gateway, now }: { gateway: GatewayView; now: number }) {
  const { online, since, startedAt, certificate, clockOffsetMs, devices, bufferBytes, bufferFault } = gateway;
  const foreign = isForeign(gateway.id);
  const up = upCount(gateway);
  return (
    <dl className={classes.tiles}>
      <Tile name={online ? 'Online for' : 'Offline for'} alert={!online}>
        {since === null ? UNKNOWN : formatDuration(now - since)}
        <small>{since === null ? 'never seen' : `since ${formatMoment(since, now)}`}</small>
      </Tile>
      <Tile name="Uptime">
        {startedAt && online ? formatDuration(now - startedAt) : UNKNOWN}
        <small>{gateway.version ? `version ${gateway.version}` : 'version not known'}</small>
      </Tile>
      <Tile name="Devices up" alert={online && up < devices.length}>
        {online ? up : UNKNOWN} of {devices.length}
        <small>
          {!online
            ? 'not heard while it is offline'
            : up < devices.length
              ? `${devices.length - up} not up`
              : 'all of them'}
        </small>
      </Tile>
      {foreign ? null : (
        <Tile name="Samples waiting" alert={gateway.pendingSamples > BACKLOG_MIN || Boolean(bufferFault)}>
          {online ? '' : '≥ '}
          {formatNumber(gateway.pendingSamples)}
          <small>{bufferBytes === undefined ? 'on its disk' : `buffer ${bytesWords(bufferBytes)} on its disk`}</small>
        </Tile>
      )}
      <Tile name="Samples stored" alert={gateway.quarantined > 0}>
        {formatNumber(gateway.samplesStored)}
        <small>{formatNumber(gateway.quarantined)} messages refused</small>
      </Tile>
      <Tile name="Clock" alert={Math.abs(clockOffsetMs ?? 0) >= CLOCK_OFF_MS}>
        {clockWords(clockOffsetMs)}
        <small>{clockOffsetMs === undefined ? 'not told' : `${formatNumber(clockOffsetMs)} ms to the hub’s`}</small>
      </Tile>
      {foreign ? null : (
        <Tile name="Certificate" alert={Boolean(certificate?.problem)}>
          {certificate ? certificateWords(certificate.notAfter, now) : 'none'}
          <small title={certificate ? formatFull(certificate.notAfter) : undefined}>
            {certificate ? `serial ${certificate.serial.slice(0, 12)}` : 'it comes in by a password'}
          </small>
        </Tile>
      )}
      {gateway.configSha256 ? (
        <Tile name="Configuration">
          <code>{gateway.configSha256.slice(0, 10)}</code>
          <small title={gateway.configSha256}>first digits of its SHA-256</small>
        </Tile>
      ) : null}
    </dl>
  );
}

function Tile(props: { name: string; alert?: boolean; children: ReactNode }) {
  return (
    <div className={classes.tile} data-alert={props.alert || undefined}>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}
