package Gospread::Transport;

# A stream socket to a daemon that never blocks but in wait(). Internal.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Socket::IP;
use Socket qw(EAI_NONAME IPPROTO_TCP PF_UNIX SOCK_STREAM SOL_SOCKET SO_KEEPALIVE TCP_NODELAY getaddrinfo pack_sockaddr_un);
use Time::HiRes ();

use Gospread::Error;

our $VERSION = '1.000';

use constant {
    CHUNK => 65536,    # bytes that one read takes
    BUSY  => 0.002,    # seconds to wait if the daemon's queue of new connections is full
};

# A write to a connection that is gone must not end the program.
my $NO_SIGNAL = eval { Socket::MSG_NOSIGNAL() };

my $MONOTONIC = eval { Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()); Time::HiRes::CLOCK_MONOTONIC() };

# Seconds of a clock that is never set, if there is one.
sub now { return defined $MONOTONIC ? Time::HiRes::clock_gettime($MONOTONIC) : Time::HiRes::time() }

# open(address, \@socket_dirs, deadline): connects to a socket file of one of the
# directories, or else by TCP.
sub open {
    my ($class, $address, $dirs, $deadline) = @_;
    return $class->_tcp($address->{host}, $address->{port}, $deadline) if defined $address->{host};
    return $class->_unix($address->{path}, $deadline) if defined $address->{path};
    my @failed;
    my $port = $address->{port};
    for my $try ((map { my $path = "$_/$port"; sub { $class->_unix($path, $deadline) } } @$dirs), sub { $class->_tcp('localhost', $port, $deadline) }) {
        my $self = eval { $try->() };
        return $self if $self;
        die $@ unless Gospread::Error::is($@, 'COULD_NOT_CONNECT');
        push @failed, $@->text;
    }
    Gospread::Error->throw(COULD_NOT_CONNECT => join('; ', @failed) . "; is a daemon with port $port running on this machine?");
}

sub _tcp {
    my ($class, $host, $port, $deadline) = @_;
    my ($error, @addresses) = getaddrinfo($host, $port, { socktype => SOCK_STREAM });
    if ($error) {
        my $name = $error == EAI_NONAME ? 'ILLEGAL_SPREAD' : 'COULD_NOT_CONNECT';
        Gospread::Error->throw($name => "no connection to $host:$port: $error");
    }
    my ($fh, $why);
    for my $address (@addresses) {
        my $left = $deadline - now();
        _late("$host:$port") if $left <= 0;
        last if $fh = do { local $@; IO::Socket::IP->new(PeerAddrInfo => [$address], Timeout => $left) };
        $why = $!;
        _late("$host:$port") if now() >= $deadline;
    }
    Gospread::Error->throw(COULD_NOT_CONNECT => "no connection to $host:$port: $why") if !$fh;
    setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
    setsockopt $fh, SOL_SOCKET, SO_KEEPALIVE, 1;
    return $class->_new($fh);
}

sub _unix {
    my ($class, $path, $deadline) = @_;
    my $fh;
    until (socket($fh, PF_UNIX, SOCK_STREAM, 0) && defined $fh->blocking(0) && connect $fh, pack_sockaddr_un($path)) {
        # A socket with many new connections waiting says so at once.
        if ($! != EAGAIN && $! != EINTR) {
            Gospread::Error->throw(COULD_NOT_CONNECT => "no connection to $path: $!");
        }
        _late($path) if now() >= $deadline;
        Time::HiRes::sleep(BUSY);
    }
    return $class->_new($fh);
}

sub _late { Gospread::Error->throw(CONNECTION_CLOSED => "no connection to $_[0] in time") }

sub _new {
    my ($class, $fh) = @_;
    $fh->blocking(0);
    binmode $fh;
    my $bits = '';
    vec($bits, fileno $fh, 1) = 1;
    return bless { fh => $fh, bits => $bits }, $class;
}

sub fh     { return $_[0]{fh} }
sub fileno { return fileno $_[0]{fh} }

# read(\buffer [, bytes]): appends what has arrived; the number of bytes, 0 if
# there are none. Dies if the daemon has closed the connection.
sub read {
    my ($self, $buffer, $bytes) = @_;
    _closed() if !$self->{fh};
    my $n = sysread $self->{fh}, $$buffer, $bytes || CHUNK, length $$buffer;
    return $n if $n;
    if (!defined $n) {
        return 0 if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        Gospread::Error->throw(CONNECTION_CLOSED => "the connection is lost: $!");
    }
    Gospread::Error->throw(CONNECTION_CLOSED => 'the daemon closed the connection; its log may tell why');
}

# write(\bytes, from): writes as much as the system takes; how much that is.
sub write {
    my ($self, $bytes, $from) = @_;
    _closed() if !$self->{fh};
    my $n;
    if (defined $NO_SIGNAL) {
        $n = send $self->{fh}, $from ? substr($$bytes, $from) : $$bytes, $NO_SIGNAL;
    }
    else {
        local $SIG{PIPE} = 'IGNORE';
        $n = syswrite $self->{fh}, $$bytes, length($$bytes) - $from, $from;
    }
    return $n if defined $n;
    return 0 if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
    Gospread::Error->throw(CONNECTION_CLOSED => "the connection is lost: $!");
}

# wait(to read, to write, deadline): until there is something to read, or room to
# write, or the deadline (undefined: none), or a signal. Whether to read, and to write.
sub wait {
    my ($self, $read, $write, $deadline) = @_;
    _closed() if !$self->{fh};
    my $left;
    if (defined $deadline) {
        $left = $deadline - now();
        $left = 0 if $left < 0;
    }
    my $r = $read  ? $self->{bits} : undef;
    my $w = $write ? $self->{bits} : undef;
    return (0, 0) if select($r, $w, undef, $left) <= 0;
    return ($read && $r =~ /[^\0]/, $write && $w =~ /[^\0]/);
}

# How many bytes could be read, up to some limit.
sub peek {
    my ($self) = @_;
    _closed() if !$self->{fh};
    my $bytes = '';
    if (!defined recv $self->{fh}, $bytes, 256 << 10, Socket::MSG_PEEK()) {
        return 0 if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        Gospread::Error->throw(CONNECTION_CLOSED => "the connection is lost: $!");
    }
    return length $bytes if length $bytes;
    Gospread::Error->throw(CONNECTION_CLOSED => 'the daemon closed the connection; its log may tell why');
}

# Ends the connection; the handle stays, at its end.
sub shutdown { shutdown $_[0]{fh}, 2 if $_[0]{fh} }

sub close {
    my ($self) = @_;
    close delete $self->{fh} if $self->{fh};
    return;
}

# A handler of a signal has closed the connection.
sub _closed { Gospread::Error->throw('ILLEGAL_SESSION') }

1;
