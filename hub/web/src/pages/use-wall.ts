import { useCallback, useEffect, useState } from 'react';

/** The wall view: full screen where the browser allows it, larger type in any case. Escape leaves it. */
export function useWall(): [boolean, () => void] {
  const [wall, setWall] = useState(false);

  useEffect(() => {
    document.documentElement.toggleAttribute('data-wall', wall);
    return () => document.documentElement.removeAttribute('data-wall');
  }, [wall]);

  useEffect(() => {
    const left = () => {
      if (!document.fullscreenElement) setWall(false);
    };
    document.addEventListener('fullscreenchange', left);
    return () => document.removeEventListener('fullscreenchange', left);
  }, []);

  const toggle = useCallback(() => {
    setWall(!wall);
    // A browser that refuses full screen (an embedded frame, a policy) still gets the layout.
    if (!wall) void document.documentElement.requestFullscreen?.().catch(() => undefined);
    else if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
  }, [wall]);
  return [wall, toggle];
}
