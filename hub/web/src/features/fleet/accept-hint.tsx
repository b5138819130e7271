import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import type { FleetWord } from '@lineside/shared/contracts/fleet.ts';
import classes from './accept-hint.module.css';

/** What is not known is tried: the gateway itself refuses what it does not allow. */
export function isAllowed({ accepts }: GatewayView, word: FleetWord): boolean {
  return accepts === undefined || accepts.includes(word);
}

/** Why the hub may not, and what to write where so that it may. */
export function AcceptHint({ gateway, word }: { gateway: GatewayView; word: FleetWord }) {
  const words = [...(gateway.accepts ?? []), word].join(', ');
  return (
    <div className={classes.root}>
      <p>
        This gateway does not let the hub do that. To allow it, write this into its configuration at the machine; it
        takes it over at its next start:
      </p>
      <pre>{`hub:\n  accept: [${words}]`}</pre>
    </div>
  );
}
