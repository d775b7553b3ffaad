import { EventEmitter } from 'node:events';

/**
 * Names of groups and clients are bytes that need not be UTF-8. As strings they
 * have one character for each byte, U+0000 to U+00FF, so that every name
 * survives.
 */
export type Name = string;

export type Service = 'unreliable' | 'reliable' | 'fifo' | 'causal' | 'agreed' | 'safe';

/** What is sent: strings as UTF-8, arrays as their parts one behind the other. */
export type Data = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer | readonly Data[];

/** Data from another client, or from oneself. */
export interface Message {
  kind: 'message';
  /** The private group of the sending client, "#name#daemon". */
  sender: Name;
  /** As the sender named them. */
  groups: Name[];
  /** undefined: a kind that this library does not know. */
  service: Service | undefined;
  /** The application's own, -32768 to 32767. */
  type: number;
  data: Buffer;
  /** The sender did not want it back. */
  selfDiscard: boolean;
  /** The sender's machine has the other byte order than this one. */
  endianMismatch: boolean;
  /** All bits, without the marker of the byte order. */
  serviceType: number;
}

/** A request of this client that the daemon's access policy refused. */
export interface Rejected extends Omit<Message, 'kind'> {
  kind: 'rejected';
  request: 'multicast' | 'join' | 'leave';
}

/** Names a view of a group: equal numbers mean the same view. */
export type ViewId = [daemon: number, time: number, index: number];

/**
 * A new membership of a group that this client is in. What comes behind it, up to
 * the next view, is delivered among these members.
 */
export interface View {
  kind: 'view';
  group: Name;
  id: ViewId;
  cause: 'join' | 'leave' | 'disconnect' | 'network';
  /** Private groups, in the same order at every member. */
  members: Name[];
  /** This client's place in members; -1: it is not among them. */
  index: number;
  /** Who joined, left or disconnected; undefined for network. */
  changed: Name | undefined;
  /**
   * For network the members parted by where they come from: those of one set
   * shared the view before, and delivered the same messages in it. Otherwise one set
   * with the changed member. A 3.x daemon tells only the own set.
   */
  sets: Name[][];
  /** The place in sets of the set that this client came with. */
  ownSetIndex: number;
}

/**
 * Members of the group have been lost, and up to the next view it is not known that
 * they deliver what this client delivers.
 */
export interface Transition {
  kind: 'transition';
  group: Name;
  /** Of the view that is ending. */
  id: ViewId;
}

/** This client's own leave is done: nothing more of the group will come. */
export interface SelfLeave {
  kind: 'selfLeave';
  group: Name;
}

/**
 * A new connection of Reconnecting, which has joined the groups again. This client
 * has lost its place in the order: messages may be missing, and state that was built
 * from them must be fetched anew.
 */
export interface Reconnected {
  kind: 'reconnected';
  /** Can be another one than before if no name was given. */
  privateGroup: Name;
  /** Why the connection before was lost. */
  error: SpreadError;
}

export type SpreadEvent = Message | View | Transition | SelfLeave | Rejected;

/** A code of the protocol by its name. */
export type ErrorCode =
  | 'ILLEGAL_SPREAD'
  | 'COULD_NOT_CONNECT'
  | 'REJECT_QUOTA'
  | 'REJECT_NO_NAME'
  | 'REJECT_ILLEGAL_NAME'
  | 'REJECT_NOT_UNIQUE'
  | 'REJECT_VERSION'
  | 'CONNECTION_CLOSED'
  | 'REJECT_AUTH'
  | 'ILLEGAL_SESSION'
  | 'ILLEGAL_SERVICE'
  | 'ILLEGAL_MESSAGE'
  | 'ILLEGAL_GROUP'
  | 'BUFFER_TOO_SHORT'
  | 'GROUPS_TOO_SHORT'
  | 'MESSAGE_TOO_LONG'
  | 'NET_ERROR_ON_SESSION'
  | 'SP_BUG'
  | 'ILLEGAL_TIME'
  | 'WOULD_BLOCK';

export class SpreadError extends Error {
  constructor(code: ErrorCode, message?: string, options?: { cause?: unknown });
  readonly code: ErrorCode;
  /** The code of the protocol, such as -6; -25 for WOULD_BLOCK, which never travels. */
  readonly number: number;
}

/** What an authentication method may do with the socket. */
export interface Exchange {
  /** The next count bytes. */
  read(count: number): Promise<Buffer>;
  write(bytes: Uint8Array): void;
}

export interface ConnectOptions {
  /** The private name, 1 to 10 bytes from $ to ~. Without one the daemon makes one up. */
  name?: Name;
  /** Whether to receive views, transitions and self-leaves. True if absent. */
  membership?: boolean;
  /** Has no effect on daemons of today. */
  priority?: boolean;
  /** For all of it, in milliseconds; 0 or Infinity: no limit. 30,000 if absent. */
  timeout?: number;
  /** Ends the attempt. */
  signal?: AbortSignal;
  /**
   * Authentication methods by name: null if nothing is exchanged, or what talks to
   * the daemon and tells whether it succeeded. `{ NULL: null }` if absent.
   */
  auth?: Record<string, ((exchange: Exchange) => boolean | Promise<boolean>) | null>;
  /**
   * So many bytes of events may wait to be received; then nothing more is read. 1 MiB
   * if absent.
   */
  receiveQueue?: number;
  /**
   * So many bytes may wait to be sent by those who do not wait for the promises;
   * then sending fails with WOULD_BLOCK. 16 MiB if absent.
   */
  sendQueue?: number;
}

export interface MulticastOptions {
  /** 'agreed' if absent. */
  service?: Service;
  /** The application's own, -32768 to 32767. 0 if absent. */
  type?: number;
  /** This connection does not get it. */
  selfDiscard?: boolean;
}

export interface ReceiveOptions {
  /** In milliseconds. No limit if absent. */
  timeout?: number;
  signal?: AbortSignal;
}

export interface CloseOptions {
  /** How long to wait for the daemon's confirmation, in milliseconds. 1000 if absent. */
  linger?: number;
}

/**
 * Connects to a daemon:
 *
 * - "", undefined: the same as "4803"
 * - "PORT", or a number: on this machine: its Unix socket /run/spread/PORT or /tmp/PORT or, if
 *   neither answers, TCP
 * - "PORT@HOST": TCP; HOST is a name, an IPv4 or an IPv6 address
 * - "unix:/path": a Unix socket
 *
 * Rejects with a SpreadError: ILLEGAL_SPREAD, COULD_NOT_CONNECT, the refusals
 * REJECT_..., and CONNECTION_CLOSED if the handshake broke off or took too long.
 */
export function connect(daemon?: string | number, options?: ConnectOptions): Promise<Connection>;

/** What Connection emits. */
export interface ConnectionEvents {
  message: [Message];
  view: [View];
  transition: [Transition];
  selfLeave: [SelfLeave];
  rejected: [Rejected];
  /** The connection was lost. Only if there is a listener for one of the above. */
  error: [SpreadError];
  /** It has ended: null if this side closed it. */
  close: [SpreadError | null];
}

/**
 * A connection to a daemon: one client of the group system. Events are received one by
 * one, with receive or `for await`, or go to listeners while there are some.
 */
export class Connection extends EventEmitter<ConnectionEvents> implements AsyncIterable<SpreadEvent> {
  private constructor();
  /** The private group, "#name#daemon", under which others see this client. */
  get privateGroup(): Name;
  /** The private name of this client, as the daemon has it. */
  get name(): Name;
  get daemonName(): Name;
  /** What the daemon says that it is, such as [5, 0, 1]. */
  get daemonVersion(): [major: number, minor: number, patch: number];
  /** Whether this connection receives views. */
  get membership(): boolean;
  /** Whether it has ended, by either side. What came before a loss can still be received. */
  get closed(): boolean;
  /** How many bytes have been read and not yet been received. */
  get pending(): number;

  /**
   * Asks to become a member of groups: 1 to 31 bytes each, from $ to ~. The client
   * is a member when its own join comes as a view; joining again does nothing.
   */
  join(...groups: (Name | readonly Name[])[]): Promise<void>;
  /** Asks to leave groups. A leave is done when the self-leave comes. */
  leave(...groups: (Name | readonly Name[])[]): Promise<void>;
  /**
   * Sends data to a group or private group, or an array of up to 100, mixed: who is
   * in several of them gets it once. It goes out in the order of the calls. data is
   * copied before this returns. The promise has the number of bytes of data, as soon
   * as more can be sent; whoever waits for it never has more in memory than the
   * daemon takes.
   *
   * Rejects with ILLEGAL_SERVICE, ILLEGAL_GROUP, MESSAGE_TOO_LONG (data and 32 bytes
   * for each group are more than 143,952 bytes), WOULD_BLOCK, CONNECTION_CLOSED,
   * and ILLEGAL_SESSION after close.
   */
  multicast(groups: Name | readonly Name[], data: Data, options?: MulticastOptions): Promise<number>;
  /**
   * The next event; null if none came in time. Of several that wait, each gets its own,
   * in the order of the calls. A message that has come in part is not lost.
   *
   * Rejects with CONNECTION_CLOSED when the connection is lost (cause has the code
   * ILLEGAL_MESSAGE if the daemon sent what cannot be right), with ILLEGAL_SESSION
   * after close, which also ends those that wait, and with the reason of the signal.
   */
  receive(options: ReceiveOptions & { timeout: number }): Promise<SpreadEvent | null>;
  receive(options?: ReceiveOptions): Promise<SpreadEvent>;
  removeAllListeners(event?: string | symbol): this;
  /** Event after event, until this side closes; throws when the connection is lost. */
  [Symbol.asyncIterator](): AsyncIterableIterator<SpreadEvent>;
  /** Listeners get nothing more until resume. */
  pause(): this;
  resume(): this;
  /**
   * Takes leave of the daemon: what was sent before is delivered. The promise is
   * fulfilled when the daemon has confirmed, and the name is free again.
   */
  close(options?: CloseOptions): Promise<void>;
  /** Closes the connection without a word; the daemon notices. */
  abort(): void;
  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ReconnectingOptions extends ConnectOptions {
  /** Between attempts, in milliseconds; doubles up to maxDelay. 100 if absent. */
  delay?: number;
  /** 5000 if absent. */
  maxDelay?: number;
  /** Of each attempt, in milliseconds. 5000 if absent. */
  timeout?: number;
  /** Ends the first attempt. */
  signal?: AbortSignal;
}

/** A Connection that is made anew when it is lost. Reconnected tells of it. */
export class Reconnecting implements AsyncIterable<SpreadEvent | Reconnected> {
  private constructor();
  /** daemons: one or several, of which the next is tried after the one that was lost. */
  static connect(daemons?: string | number | readonly (string | number)[], options?: ReconnectingOptions): Promise<Reconnecting>;
  /** These tell of the connection that there is, or was last. */
  get privateGroup(): Name;
  get name(): Name;
  get daemonName(): Name;
  get daemonVersion(): [major: number, minor: number, patch: number];
  /** Whether close was called. */
  get closed(): boolean;
  /**
   * As in Connection. The groups are joined again after a loss, also those that are
   * asked for while there is no connection.
   */
  join(...groups: (Name | readonly Name[])[]): Promise<void>;
  leave(...groups: (Name | readonly Name[])[]): Promise<void>;
  /** As in Connection. Rejects with CONNECTION_CLOSED while there is no connection. */
  multicast(groups: Name | readonly Name[], data: Data, options?: MulticastOptions): Promise<number>;
  /**
   * As in Connection, and Reconnected. Rejects only with ILLEGAL_SESSION after
   * close, with what makes further attempts useless, such as REJECT_AUTH, and with the
   * reason of the signal.
   */
  receive(options: ReceiveOptions & { timeout: number }): Promise<SpreadEvent | Reconnected | null>;
  receive(options?: ReceiveOptions): Promise<SpreadEvent | Reconnected>;
  [Symbol.asyncIterator](): AsyncIterableIterator<SpreadEvent | Reconnected>;
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
