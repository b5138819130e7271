import type { GatewayView } from '@lineside/shared/contracts/api.ts';
import { Button } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import type { ReactNode } from 'react';

/** Asks a gateway for what it does not tell by itself; beside the title of its panel. */
export function AskButton(props: { gateway: GatewayView; busy: boolean; onAsk: () => void; children: ReactNode }) {
  return (
    <Button
      variant="default"
      size="compact-sm"
      leftSection={<IconRefresh size="1rem" />}
      loading={props.busy}
      disabled={!props.gateway.online}
      onClick={props.onAsk}
    >
      {props.children}
    </Button>
  );
}
