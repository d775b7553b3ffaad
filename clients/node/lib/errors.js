// The codes of the protocol (client protocol 8.1) and what each means.
const codes = {
  ILLEGAL_SPREAD: [-1, 'illegal name of a daemon'],
  COULD_NOT_CONNECT: [-2, 'could not connect to the daemon'],
  REJECT_QUOTA: [-3, 'refused: the daemon has as many clients as it takes'],
  REJECT_NO_NAME: [-4, 'refused: the daemon did not get the private name'],
  REJECT_ILLEGAL_NAME: [-5, 'refused: the private name is not allowed'],
  REJECT_NOT_UNIQUE: [-6, 'refused: another client of this daemon has the private name'],
  REJECT_VERSION: [-7, 'refused: the versions of daemon and library do not fit'],
  CONNECTION_CLOSED: [-8, 'the connection is lost'],
  REJECT_AUTH: [-9, 'refused: authentication failed, or this client may not connect'],
  ILLEGAL_SESSION: [-11, 'this side has closed the connection'],
  ILLEGAL_SERVICE: [-12, 'not one of the six services'],
  ILLEGAL_MESSAGE: [-13, 'the daemon sent something that cannot be right'],
  ILLEGAL_GROUP: [-14, 'illegal name of a group'],
  BUFFER_TOO_SHORT: [-15, 'buffer too short'],
  GROUPS_TOO_SHORT: [-16, 'groups too short'],
  MESSAGE_TOO_LONG: [-17, 'message too long'],
  NET_ERROR_ON_SESSION: [-18, 'the connection broke off before'],
  SP_BUG: [-19, 'internal error'],
  ILLEGAL_TIME: [-20, 'illegal time'],
  WOULD_BLOCK: [-25, 'the send queue is full'],
};

/** What goes wrong between a program and its daemon. */
export class SpreadError extends Error {
  /**
   * @param {string} code a name of the protocol, such as "REJECT_NOT_UNIQUE"
   * @param {string} [message]
   * @param {ErrorOptions} [options]
   */
  constructor(code, message = codes[code][1], options) {
    super(message, options);
    this.code = code;
    this.number = codes[code][0];
  }
}
SpreadError.prototype.name = 'SpreadError';

/** The name of a code; undefined for one that is not known. */
export const codeOf = (number) => Object.keys(codes).find((name) => codes[name][0] === number);

/** An exception that says the same and tells where this call was made. */
export const again = (e) => new SpreadError(e.code, e.message, { cause: e.cause });
