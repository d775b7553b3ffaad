package Gospread::Protocol;

# Numbers and layouts of the protocol between client and daemon (client protocol
# 2 and 3). Everything is written little-endian, and marked so. Internal.

use strict;
use warnings;

our $VERSION = '1.000';

# The release of Spread whose protocol this is.
our @SPEAKS = (5, 0, 1);

use constant {
    NAME_SIZE   => 32,
    MAX_NAME    => 31,
    MAX_USER    => 10,
    MAX_GROUPS  => 100,
    MAX_DATA    => 144_000,
    MAX_BODY    => 143_952,    # data plus 32 bytes a group
    HEADER_SIZE => 48,
    AUTH_SLOT   => 30,
    AUTH_SLOTS  => 3,

    SERVICES        => 0x0000003f,
    SELF_DISCARD    => 0x00000040,
    CAUSED_BY_JOIN  => 0x00000100,
    CAUSED_BY_LEAVE => 0x00000200,
    CAUSES          => 0x00000f00,
    REG_MEMB        => 0x00001000,
    TRANSITION      => 0x00002000,
    MEMBERSHIP      => 0x00003f00,
    JOIN            => 0x00010000,
    LEAVE           => 0x00020000,
    KILL            => 0x00040000,
    REJECT          => 0x00400000,
    MARK            => 0x80000080,
};

our %SERVICE = (
    unreliable => 0x01,
    reliable   => 0x02,
    fifo       => 0x04,
    causal     => 0x08,
    agreed     => 0x10,
    safe       => 0x20,
);
our %SERVICE_NAME = reverse %SERVICE;

our %CAUSE_NAME = (
    0x0100 => 'join',
    0x0200 => 'leave',
    0x0400 => 'disconnect',
    0x0800 => 'network',
);

sub hello {
    my ($user, $membership, $priority) = @_;
    return pack 'C4 C/a*', @SPEAKS, ($priority ? 0x10 : 0) | ($membership ? 1 : 0), $user;
}

# The choice of at most three methods of authentication.
sub choice { return pack 'a30 a30 a30', @_, ('') x (AUTH_SLOTS - @_) }

# message(type word without the mark, sender, \@groups, application type, data)
sub message {
    my ($type, $sender, $groups, $mess_type, $data) = @_;
    return pack 'V a32 V V V (a32)' . @$groups . ' a*',
        $type | MARK, $sender, scalar @$groups, ($mess_type & 0xffff) << 8 | MARK, length $data, @$groups, $data;
}

# Whether it may be a private name or a group to join: $ to ~ in ASCII.
sub is_plain_name {
    my ($name, $max) = @_;
    return defined $name && length $name <= $max && $name =~ /\A[\$-~]+\z/ ? 1 : 0;
}

1;
