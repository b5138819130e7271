/** What servers of small PLCs can take, for those that do not say so themselves. */

export interface Profile {
  maxTags: number;
  minSamplingMs: number;
  minPublishingMs: number;
  /** Nodes in one request. */
  maxPerRequest: number;
}

export const PROFILES: Record<'s7-1200', Profile> = {
  // Siemens' system limits for the S7-1200 from firmware V4.4 on, as published when this was written: 1,000 monitored
  // items, sampling from 100 ms, publishing from 200 ms. The size of a request is our own caution: a user of a larger
  // Siemens CPU measured 19 s for 976 items in one (OPCFoundation/UA-.NETStandard, issue 564).
  's7-1200': { maxTags: 1000, minSamplingMs: 100, minPublishingMs: 200, maxPerRequest: 100 },
};
