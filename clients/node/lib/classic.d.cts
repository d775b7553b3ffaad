import { EventEmitter } from 'node:events';
import type { Message, SpreadError } from './index.js' with { 'resolution-mode': 'import' };

/**
 * The interface of node-spread-native: a client that connects again by itself, for
 * ever, and joins its groups again. Messages may be missed meanwhile.
 */
export class Connection extends EventEmitter<{
  /** Connected, and `logined` right behind it: also after each loss. */
  connect: [];
  logined: [];
  /** The first group that it was sent to, its data as UTF-8, and all of it. */
  message: [channel: string, text: string, message: Message];
  /** An attempt to connect, or a request, failed. Nobody has to listen. */
  error: [error: SpreadError];
  /** The connection was lost or closed. */
  close: [];
}> {
  constructor(name: string, port?: number | string, host?: string);
  /** Undefined while there is no connection. */
  get privateGroup(): string | undefined;
  /** Joins now, and whenever it has connected. */
  join(group: string): void;
  /** Sends an UNRELIABLE message. False: there is no connection, nothing is sent. */
  send(text: string, group: string): boolean;
  /** Leaves the daemon for good. */
  close(): void;
}

/** port is 4803 and host "localhost" if absent. */
export function createConnection(name: string, port?: number | string, host?: string): Connection;
