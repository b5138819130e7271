import { Button, Loader } from '@mantine/core';
import { IconCloudOff, IconRefresh } from '@tabler/icons-react';
import { BrandMark } from './brand.tsx';
import classes from './splash.module.css';

/** The first moment, and what is shown when the hub does not even answer who is signed in. */
export function Splash({ error, onRetry }: { error?: string; onRetry?: () => void }) {
  return (
    <main className={classes.root}>
      <BrandMark size="3.5rem" />
      {error === undefined ? (
        <Loader size="sm" aria-label="Loading" />
      ) : (
        <div className={classes.error} role="alert">
          <IconCloudOff size="1.75rem" aria-hidden="true" />
          <h1>Hub not reachable</h1>
          <p>{error}</p>
          <Button variant="default" leftSection={<IconRefresh size="1.1rem" />} onClick={onRetry}>
            Try again
          </Button>
        </div>
      )}
    </main>
  );
}
