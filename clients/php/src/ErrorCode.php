<?php

declare(strict_types=1);

namespace Gospread;

/**
 * The numbered errors of the protocol and its libraries (client protocol 8.1).
 * Those from BufferTooShort on that say so have no occasion in this library.
 */
enum ErrorCode: int
{
    case IllegalSpread = -1;
    case CouldNotConnect = -2;
    case RejectQuota = -3;
    case RejectNoName = -4;
    case RejectIllegalName = -5;
    case RejectNotUnique = -6;
    case RejectVersion = -7;
    case ConnectionClosed = -8;
    case RejectAuth = -9;
    case IllegalSession = -11;
    case IllegalService = -12;
    case IllegalMessage = -13;
    case IllegalGroup = -14;
    /** Not used. */
    case BufferTooShort = -15;
    /** Not used. */
    case GroupsTooShort = -16;
    case MessageTooLong = -17;
    /** Not used; see ConnectionClosed. */
    case NetErrorOnSession = -18;
    /** Not used. */
    case Bug = -19;
    /** Not used. */
    case IllegalTime = -20;
    /** The daemon took nothing within the send timeout; the message is not sent. */
    case WouldBlock = -25;

    public function text(): string
    {
        return match ($this) {
            self::IllegalSpread => 'the name of the daemon makes no sense',
            self::CouldNotConnect => 'no daemon answers there',
            self::RejectQuota => 'the daemon has as many clients as it takes',
            self::RejectNoName => 'the daemon did not get the private name',
            self::RejectIllegalName => 'the private name is not allowed',
            self::RejectNotUnique => 'the private name is in use at that daemon',
            self::RejectVersion => 'daemon and library do not fit',
            self::ConnectionClosed => 'the connection is lost',
            self::RejectAuth => 'the daemon does not let this client in',
            self::IllegalSession => 'the connection has been closed by this program',
            self::IllegalService => 'a message needs exactly one service',
            self::IllegalMessage => 'the daemon sent what cannot be right',
            self::IllegalGroup => 'the name of the group is not allowed',
            self::BufferTooShort => 'the buffer is too short for the data',
            self::GroupsTooShort => 'the buffer is too short for the groups',
            self::MessageTooLong => 'the message is too long',
            self::NetErrorOnSession => 'the connection is broken',
            self::Bug => 'internal error',
            self::IllegalTime => 'the timeout makes no sense',
            self::WouldBlock => 'the daemon takes no more just now',
        };
    }
}
