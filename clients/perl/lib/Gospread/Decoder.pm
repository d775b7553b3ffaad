package Gospread::Decoder;

# Cuts the bytes that a daemon sends into messages (client protocol 3), however
# they come. Internal.

use strict;
use warnings;

use Gospread::Error;
use Gospread::Protocol;

our $VERSION = '1.000';

# Bounds what a daemon can make the client hold. Only views with 100,000 members
# come near it.
use constant MAX_MESSAGE => 8 << 20;

# The elements of a message.
use constant {
    TYPE       => 0,    # without the mark; that of the original request for a reject
    SENDER     => 1,
    GROUPS     => 2,    # array reference
    MESS_TYPE  => 3,
    HINT_BIG   => 4,    # the sender wrote big-endian
    DATA       => 5,
    BIG        => 6,    # the daemon wrote big-endian
    IS_REJECT  => 7,
};

sub new {
    my ($class) = @_;
    return bless { buffer => '', at => 0, need => Gospread::Protocol::HEADER_SIZE }, $class;
}

# The buffer to append to, with what has been decoded cut off.
sub buffer {
    my ($self) = @_;
    if ($self->{at}) {
        substr($self->{buffer}, 0, $self->{at}, '');
        $self->{at} = 0;
    }
    return \$self->{buffer};
}

sub pending { return length($_[0]{buffer}) - $_[0]{at} }

# How many bytes are missing until next() can do anything.
sub missing { return $_[0]{need} + $_[0]{at} - length $_[0]{buffer} }

sub drop {
    my ($self) = @_;
    @$self{qw(buffer at need)} = ('', 0, Gospread::Protocol::HEADER_SIZE);
    return;
}

# Whether next() has something to return, or to die of.
sub ready {
    my ($self) = @_;
    my $have = $self->pending;
    return 0 if $have < $self->{need};
    my $size = eval { ($self->_header)[0] };
    return 1 if !defined $size;
    $self->{need} = $size;
    return $have >= $size ? 1 : 0;
}

# The next message as an array reference, or nothing if more bytes are needed.
# Dies if the stream is lost.
sub next {
    my ($self) = @_;
    my $have = length($self->{buffer}) - $self->{at};
    return if $have < $self->{need};
    my ($size, $big, $type, $sender, $count, $hint, $length) = $self->_header;
    if ($have < $size) {
        $self->{need} = $size;
        return;
    }
    $self->{need} = Gospread::Protocol::HEADER_SIZE;
    my $at = $self->{at} + Gospread::Protocol::HEADER_SIZE;
    $self->{at} += $size;

    my $reject = $type & Gospread::Protocol::REJECT ? 1 : 0;
    if ($reject) {
        $type = unpack($big ? 'N' : 'V', substr $self->{buffer}, $at, 4) & ~Gospread::Protocol::MARK;
        $at += 4;
    }
    my @groups;
    if ($count) {
        @groups = unpack '(Z32)*', substr $self->{buffer}, $at, $count * 32;
        $at += $count * 32;
    }
    my $little_hint = ord($hint) & ord(substr $hint, 3) & 0x80;
    my $mess_type = unpack $little_hint ? 'x s<' : 'x s>', $hint;
    return [
        $type, $sender, \@groups, $mess_type, $little_hint ? 0 : 1,
        substr($self->{buffer}, $at, $length), $big, $reject,
    ];
}

# Reads and checks the header at the front: size of the message, order, fields.
sub _header {
    my ($self) = @_;
    my $header = substr $self->{buffer}, $self->{at}, 48;
    my $little = ord($header) & 0x80;
    damaged('a type word that is of neither byte order') if $little != (ord(substr $header, 3) & 0x80);
    my ($type, $sender, $count, $hint, $length) = unpack $little ? 'V Z32 V a4 V' : 'N Z32 N a4 N', $header;
    my $size = 48 + $count * 32 + $length;
    if (   $size > MAX_MESSAGE
        || $type & Gospread::Protocol::SERVICES && ($count > Gospread::Protocol::MAX_GROUPS || $length > Gospread::Protocol::MAX_DATA))
    {
        damaged("a message with $count groups and $length bytes of data");
    }
    $size += 4 if $type & Gospread::Protocol::REJECT;
    return ($size, $little ? 0 : 1, $type & ~Gospread::Protocol::MARK, $sender, $count, $hint, $length);
}

sub damaged {
    my ($what) = @_;
    Gospread::Error->throw(ILLEGAL_MESSAGE => "the daemon sent what cannot be right, and the connection was given up: $what");
}

1;
