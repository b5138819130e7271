import { Skeleton } from '@mantine/core';
import { IconBuildingFactory2 } from '@tabler/icons-react';
import { useMachines, usePlantLoaded } from '../../live/live-context.tsx';
import { MessagePanel } from '../../ui/message-panel.tsx';
import { MachineTile, type MachineTileProps } from './machine-tile.tsx';
import classes from './machine-tiles.module.css';

/** All machines of the plant, one tile each; outlines while the first picture is on its way. */
export function MachineTiles(props: Omit<MachineTileProps, 'machine'>) {
  const machines = useMachines();
  const loaded = usePlantLoaded();
  if (!loaded) {
    return (
      <div className={classes.grid} aria-busy="true">
        {[1, 2, 3].map((key) => (
          <Skeleton key={key} height="27rem" radius="lg" />
        ))}
      </div>
    );
  }
  if (machines.length === 0) {
    return (
      <div className={classes.empty}>
        <MessagePanel icon={<IconBuildingFactory2 size="1.6rem" />} title="No machines yet">
          The equipment file of the hub names the machines and the devices they belong to. Add one and restart the
          hub.
        </MessagePanel>
      </div>
    );
  }
  return (
    <section className={classes.grid} aria-label="Machines">
      {machines.map((machine) => (
        <MachineTile key={machine.path} machine={machine} {...props} />
      ))}
    </section>
  );
}
