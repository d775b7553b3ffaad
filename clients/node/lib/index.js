export { connect, Connection } from './connection.js';
export { SpreadError } from './errors.js';
export { Reconnecting } from './reconnecting.js';
