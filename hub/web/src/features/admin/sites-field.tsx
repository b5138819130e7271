import { MultiSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { adminApi } from '../../api/admin-api.ts';

/** Which parts of the plant. @param value equipment paths; null is the whole plant */
export function SitesField(props: {
  value: readonly string[] | null;
  onChange: (sites: string[] | null) => void;
  disabled?: boolean;
}) {
  const places = useQuery({ queryKey: ['places'], queryFn: ({ signal }) => adminApi.places(signal) });
  const paths = (places.data ?? []).map(({ path }) => path);
  const chosen = [...(props.value ?? [])];
  return (
    <MultiSelect
      label="Sites"
      description={
        props.disabled
          ? 'An administrator has the whole plant.'
          : 'With all that lies below them. None: the whole plant.'
      }
      placeholder={chosen.length === 0 ? 'Whole plant' : ''}
      // One that has gone from the plant since is shown still, to be taken out.
      data={[...new Set([...paths, ...chosen])]}
      searchable
      clearable
      disabled={props.disabled ?? false}
      error={places.error ? `The plant cannot be read: ${places.error.message}` : null}
      value={props.disabled ? [] : chosen}
      onChange={(sites) => props.onChange(sites.length === 0 ? null : sites)}
    />
  );
}
