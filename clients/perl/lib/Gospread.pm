package Gospread;

use 5.030;
use strict;
use warnings;

use Gospread::Address;
use Gospread::Decoder;
use Gospread::Error;
use Gospread::Event;
use Gospread::Protocol;
use Gospread::Transport;

our $VERSION = '1.000';

# Where the Unix sockets of daemons are: those of services of the system first.
our @SOCKET_DIRS = ('/run/spread', '/tmp');

# How much is read ahead while a send has to wait, in bytes.
use constant READ_AHEAD => 1 << 20;

my %OPTION = map { $_ => 1 } qw(name membership priority timeout send_timeout socket_dirs read_ahead auth);

sub connect {
    my ($class, $daemon, %o) = @_;
    for (keys %o) { _usage("connect has no option $_") if !$OPTION{$_} }
    my $name = defined $o{name} ? _bytes($o{name}) : '';
    if ($name ne '' && !Gospread::Protocol::is_plain_name($name, Gospread::Protocol::MAX_USER)) {
        Gospread::Error->throw(REJECT_ILLEGAL_NAME => 'the private name must have 1 to 10 bytes, each from $ to ~ in ASCII');
    }
    my $auth = _methods($o{auth} || ['NULL']);
    my $self = bless {
        membership   => defined $o{membership} ? $o{membership} ? 1 : 0 : 1,
        send_timeout => defined $o{send_timeout} ? $o{send_timeout} : 30,
        read_ahead   => defined $o{read_ahead} ? $o{read_ahead} : 1,
        decoder      => Gospread::Decoder->new,
    }, $class;
    my $deadline = Gospread::Transport::now() + (defined $o{timeout} ? $o{timeout} : 10);
    my $address = Gospread::Address::parse(defined $daemon ? _bytes($daemon) : '');
    $self->{transport} = Gospread::Transport->open($address, $o{socket_dirs} || \@SOCKET_DIRS, $deadline);
    $self->_handshake($name, $o{priority}, $auth, $deadline);
    return $self;
}

sub _methods {
    my ($auth) = @_;
    my @plain = grep { Gospread::Protocol::is_plain_name($_, Gospread::Protocol::AUTH_SLOT - 1) } @$auth;
    return $auth if @$auth && @$auth <= Gospread::Protocol::AUTH_SLOTS && @plain == @$auth;
    Gospread::Error->throw(REJECT_AUTH => 'there must be 1 to 3 authentication methods, such as NULL and IP');
}

# The client's side of the handshake (client protocol 2). It takes no more bytes
# than it needs.
sub _handshake {
    my ($self, $name, $priority, $auth, $deadline) = @_;
    my $buffer = '';
    my $write_failure;
    # A daemon that refuses at once may have closed by now; its reason is worth more.
    my $write = sub { eval { $self->{transport}->write(\$_[0], 0); 1 } or $write_failure = $@ };
    my $take = sub {
        my ($n) = @_;
        while (length $buffer < $n) {
            my $got = eval { $self->{transport}->read(\$buffer, $n - length $buffer) };
            if (!defined $got) {
                die $@ if !Gospread::Error::is($@, 'CONNECTION_CLOSED');
                die $write_failure if $write_failure;
                Gospread::Error->throw(CONNECTION_CLOSED => 'the daemon broke off the handshake; its log may tell why');
            }
            next if $got;
            if (Gospread::Transport::now() >= $deadline) {
                Gospread::Error->throw(CONNECTION_CLOSED => 'the daemon did not finish the handshake in time');
            }
            $self->{transport}->wait(1, 0, $deadline);
        }
        return substr $buffer, 0, $n, '';
    };
    $write->(Gospread::Protocol::hello($name, $self->{membership}, $priority));
    my $length = ord $take->(1);
    _refused($length, $name) if $length >= 0x80;
    _refused(ord $take->(1), $name) if $length == 0;
    my @offered = split / /, $take->($length);
    my %offered = map { $_ => 1 } @offered;
    if (my @missing = grep { !$offered{$_} } @$auth) {
        Gospread::Error->throw(REJECT_AUTH => "the daemon does not offer the authentication method @missing, but these: @offered");
    }
    $write->(Gospread::Protocol::choice(@$auth));
    my $status = ord $take->(1);
    _refused($status, $name) if $status != 1;
    my @version = unpack 'C4', $take->(4);
    $length = pop @version;
    if ($version[0] < 3 || grep { $_ >= 0x80 } @version) {
        Gospread::Error->throw(REJECT_VERSION => 'the daemon is of the release ' . CORE::join('.', @version) . ', must be 3 or later');
    }
    if ($length < 1 || $length > Gospread::Protocol::MAX_NAME) {
        Gospread::Error->throw(CONNECTION_CLOSED => "the daemon gave a private group of $length bytes; is it a Spread daemon?");
    }
    $self->{private_group} = $take->($length);
    $self->{version} = \@version;
    return;
}

sub _refused {
    my ($byte, $name) = @_;
    my $code = $byte - 0x100;
    if ($code < -9 || $code > -3 || $code == -8) {
        Gospread::Error->throw(CONNECTION_CLOSED => "the daemon broke off the handshake with the byte $byte");
    }
    my $of = $name ne '' && ($code == -5 || $code == -6) ? " ($name)" : '';
    Gospread::Error->throw(Gospread::Error::name_of($code), "refused: $Gospread::Error::TEXT{$code}$of");
}

sub private_group  { return $_[0]{private_group} }
sub name           { return +(split /#/, $_[0]{private_group})[1] }
sub daemon_name    { return +(split /#/, $_[0]{private_group})[2] }
sub daemon_version { return @{ $_[0]{version} } }
sub membership     { return $_[0]{membership} }
sub fh             { return $_[0]{transport}->fh }

sub fileno {
    my ($self) = @_;
    my $fh = $self->fh;
    return $fh ? fileno $fh : undef;
}

sub join {
    my ($self, $group) = @_;
    return $self->_request(Gospread::Protocol::JOIN, $group);
}

sub leave {
    my ($self, $group) = @_;
    return $self->_request(Gospread::Protocol::LEAVE, $group);
}

sub _request {
    my ($self, $type, $group) = @_;
    if (!Gospread::Protocol::is_plain_name($group, Gospread::Protocol::MAX_NAME)) {
        Gospread::Error->throw(ILLEGAL_GROUP => 'a group to join or leave must have 1 to 31 bytes, each from $ to ~ in ASCII');
    }
    $self->_send(Gospread::Protocol::message($type, $self->{private_group}, [_bytes($group)], 0, ''));
    return 1;
}

sub multicast {
    my ($self, $service, $groups, $data, %o) = @_;
    my $type = exists $o{type} ? delete $o{type} : 0;
    my $word = _service($service) | (delete $o{self_discard} ? Gospread::Protocol::SELF_DISCARD : 0);
    _usage('multicast has no option ' . (keys %o)[0]) if %o;
    _usage("message type $type, must be -32768 to 32767") if $type < -0x8000 || $type > 0x7fff;
    $groups = _groups(ref $groups ? @$groups : $groups);
    $data = defined $data ? _bytes($data) : '';
    my $body = length($data) + 32 * @$groups;
    if ($body > Gospread::Protocol::MAX_BODY) {
        my $most = Gospread::Protocol::MAX_BODY;
        Gospread::Error->throw(MESSAGE_TOO_LONG => length($data) . ' bytes of data and ' . @$groups . " groups make $body bytes, a daemon takes at most $most");
    }
    $self->_send(Gospread::Protocol::message($word, $self->{private_group}, $groups, $type, $data));
    return length $data;
}

# The bit of a service that is given by its name or as a number.
sub _service {
    my ($service) = @_;
    my $bit = defined $service ? $Gospread::Protocol::SERVICE{$service} : undef;
    return $bit if defined $bit;
    return $service if defined $service && $service =~ /\A\d+\z/ && $Gospread::Protocol::SERVICE_NAME{$service};
    Gospread::Error->throw(ILLEGAL_SERVICE => 'the service must be one of unreliable, reliable, fifo, causal, agreed, safe');
}

sub _groups {
    my @groups = map { defined $_ ? _bytes($_) : '' } @_;
    if (@groups < 1 || @groups > Gospread::Protocol::MAX_GROUPS) {
        Gospread::Error->throw(ILLEGAL_GROUP => @groups . ' groups, must be 1 to ' . Gospread::Protocol::MAX_GROUPS);
    }
    for (@groups) {
        # Any bytes: other clients may have joined such groups.
        if ($_ eq '' || length > Gospread::Protocol::MAX_NAME || /\0/) {
            Gospread::Error->throw(ILLEGAL_GROUP => 'a group has ' . length() . ' bytes, must have 1 to 31 and no zero byte');
        }
    }
    return \@groups;
}

# A string as the bytes that its characters are.
sub _bytes {
    my ($string) = @_;
    if (utf8::is_utf8($string) && !utf8::downgrade($string, 1)) {
        _usage('names and data are bytes: encode strings that have characters above 255');
    }
    return $string;
}

sub _usage {
    require Carp;
    Carp::croak(@_);
}

sub receive {
    my ($self, $timeout) = @_;
    my $m = $self->_receive($timeout);
    return undef if !defined $m;
    my $event = eval { Gospread::Event->from_message($m, $self->{private_group}, $self->{version}[0] == 3) };
    $self->_lost($@) if !defined $event;
    return $event;
}

# The next message as the decoder has it, or nothing if there is none in time.
sub _receive {
    my ($self, $timeout) = @_;
    my $decoder = $self->{decoder};
    my $m;
    return $m if eval { $m = $decoder->next; 1 } && $m;
    $self->_lost($@) if $@;
    my $deadline = defined $timeout ? Gospread::Transport::now() + $timeout : undef;
    my $ok = eval {
        for (;;) {
            $self->{receive_failure}->again if $self->{receive_failure};
            if ($self->{transport}->read($decoder->buffer, $self->{read_ahead} ? 0 : _most($decoder->missing))) {
                last if $m = $decoder->next;
            }
            else {
                last if defined $deadline && Gospread::Transport::now() >= $deadline;
                $self->{transport}->wait(1, 0, $deadline);
            }
        }
        1;
    };
    $self->_lost($@) if !$ok;
    return $m;
}

sub _most { return $_[0] < Gospread::Transport::CHUNK ? $_[0] : Gospread::Transport::CHUNK }

# Notes that nothing comes any more, and dies of it. What is none of our errors,
# such as that of a handler of a signal, changes nothing.
sub _lost {
    my ($self, $e) = @_;
    if (Gospread::Error::is($e) && !$self->{receive_failure}) {
        $self->{receive_failure} = $e;
        $self->{send_failure} ||= $e;
        if ($e->name eq 'ILLEGAL_MESSAGE') {
            $self->{decoder}->drop;
            $self->{transport}->shutdown;
        }
    }
    die $e;
}

sub poll {
    my ($self) = @_;
    my $decoder = $self->{decoder};
    my $waiting = 0;
    if (!$self->{receive_failure}) {
        my $ok = eval {
            if ($self->{read_ahead}) {
                1 while $decoder->pending < READ_AHEAD && $self->{transport}->read($decoder->buffer);
            }
            else {
                $waiting = $self->{transport}->peek;
            }
            1;
        };
        eval { $self->_lost($@) } if !$ok;
    }
    $self->{receive_failure}->again if $self->{receive_failure} && !$decoder->ready;
    return $waiting + $decoder->pending;
}

sub ready {
    my ($self) = @_;
    return $self->{receive_failure} || $self->{decoder}->ready ? 1 : 0;
}

# Writes a whole message. While the daemon takes nothing, what it sends is read, so
# that it can go on.
sub _send {
    my ($self, $bytes, $timeout) = @_;
    $self->{send_failure}->again if $self->{send_failure};
    my $ok = eval {
        my $size = length $bytes;
        my $n = $self->{transport}->write(\$bytes, 0);
        if ($n < $size) {
            my $deadline = Gospread::Transport::now() + (defined $timeout ? $timeout : $self->{send_timeout});
            while ($n < $size) {
                _stuck($n) if Gospread::Transport::now() >= $deadline;
                $self->_wait_for_room($deadline);
                $n += $self->{transport}->write(\$bytes, $n);
            }
        }
        1;
    };
    return if $ok;
    my $e = $@;
    $self->{send_failure} ||= $e if Gospread::Error::is($e) && $e->name ne 'WOULD_BLOCK';
    die $e;
}

sub _wait_for_room {
    my ($self, $deadline) = @_;
    my $decoder = $self->{decoder};
    my $room = $self->{read_ahead} && !$self->{receive_failure} && $decoder->pending < READ_AHEAD;
    my ($readable) = $self->{transport}->wait($room, 1, $deadline);
    eval { $self->{transport}->read($decoder->buffer); 1 } or $self->_lost($@) if $readable;
    return;
}

sub _stuck {
    my ($written) = @_;
    if (!$written) {
        Gospread::Error->throw(WOULD_BLOCK => 'the daemon took nothing for the time allowed; the message has not been sent');
    }
    Gospread::Error->throw(CONNECTION_CLOSED => 'the daemon took only part of a message in the time allowed; the connection was given up');
}

sub close {
    my ($self, $linger) = @_;
    $linger = 1 if !defined $linger;
    local $@;
    my $deadline = Gospread::Transport::now() + $linger;
    eval {
        my $kill = Gospread::Protocol::message(Gospread::Protocol::KILL, $self->{private_group}, [$self->{private_group}], 0, '');
        $self->_send($kill, $linger);
        while (!$self->{receive_failure} && Gospread::Transport::now() < $deadline) {
            my $nothing = '';
            $self->{transport}->read(\$nothing) || $self->{transport}->wait(1, 0, $deadline);
        }
    };
    return $self->abort;
}

sub abort {
    my ($self) = @_;
    local $@;
    eval { Gospread::Error->throw('ILLEGAL_SESSION') };
    $self->{send_failure} = $self->{receive_failure} = $@;
    $self->{decoder}->drop;
    $self->{transport}->close;
    return 1;
}

1;

__END__

=encoding utf8

=head1 NAME

Gospread - client of the Spread toolkit: group messaging in one total order

=head1 SYNOPSIS

    use Gospread;

    my $spread = Gospread->connect('4803', name => 'web1');
    $spread->join('chat');
    while (my $event = $spread->receive) {
        if ($event->is_view) {
            print $event->group, " now has the members @{ $event->members }\n";
            $spread->multicast(agreed => 'chat', 'hello');
        }
        elsif ($event->is_message) {
            print $event->sender, ' says ', $event->data, "\n";
        }
    }

=head1 DESCRIPTION

Every member of a group sees the same messages and the same changes of membership,
in the same order. This module speaks the protocol between clients and daemons of
Spread itself; it needs no library and no modules beyond Perl's own. For programs
written for the classic module there is L<Spread>.

Methods die with a L<Gospread::Error>, or with a plain text if they are called
wrongly.

=head1 CONNECTING

=head2 Gospread->connect($daemon, %options)

C<$daemon> is

    4803         the daemon of this machine with that port: its Unix socket
                 /run/spread/4803, else /tmp/4803, else TCP to localhost
    4803@host    TCP; a name, an IPv4 or an IPv6 address
    ''           4803
    unix:/path   that Unix socket

Options:

=over

=item name

The private name, 1 to 10 bytes from C<$> to C<~> in ASCII, unique at the daemon.
Without it the daemon invents one.

=item membership

Whether views, transitional signals and self-leaves are received; default 1.

=item priority

Daemons take it and give it no meaning.

=item timeout

For connection and handshake, in seconds; default 10. (The look-up of a host's
address is not bounded by it.)

=item send_timeout

How long a later send may wait for a daemon that takes nothing, in seconds; default
30.

=item socket_dirs

Where to look for the Unix socket; default C<@Gospread::SOCKET_DIRS>.

=item auth

Reference to the names of the methods of authentication, 1 to 3, all of which the
daemon must offer; only such as exchange no bytes: C<NULL> (the default), C<IP>.

=item read_ahead

0: take no more from the socket than the message that is received, so that
C<select> on the handle tells whether there are others. Default 1, which is faster.

=back

It dies with ILLEGAL_SPREAD, COULD_NOT_CONNECT, a refusal (REJECT_QUOTA,
REJECT_ILLEGAL_NAME, REJECT_NOT_UNIQUE, REJECT_VERSION, REJECT_AUTH, REJECT_NO_NAME),
or CONNECTION_CLOSED if it was not done in time or broke off.

=head1 METHODS

=head2 private_group, name, daemon_name, daemon_version, membership

Who this client is, at which daemon. The private group, C<#name#daemon>, is its name
in views and as a sender; others may send to it. C<daemon_version> is a list of
three numbers.

=head2 join($group), leave($group)

Ask to become or to stop being a member: 1 to 31 bytes from C<$> to C<~>. A view, or a
self-leave, tells when it is done. Repeating it does nothing. ILLEGAL_GROUP.

=head2 multicast($service, $groups, $data, %options)

Sends to a group or private group, or to 1 to 100 of them in an array reference; who
is in several receives the message once. One need not be a member. C<$service> is
C<unreliable>, C<reliable>, C<fifo>, C<causal>, C<agreed> or C<safe>, or the number of
one. Options: C<type> (the application's own, -32768 to 32767; default 0),
C<self_discard> (do not deliver it to this connection). Returns the bytes of data.

It returns when the system has taken the message. Data and 32 bytes a group are at
most 143,952 bytes (MESSAGE_TOO_LONG). Names and data are bytes; strings with
characters above 255 must be encoded first. WOULD_BLOCK: the daemon took nothing
within C<send_timeout>, and nothing was sent.

=head2 receive($timeout)

The next L<Gospread::Event>; waits up to C<$timeout> seconds (undefined: for ever,
0: not at all). Returns undef if there is none in time; nothing is lost then.

When the connection is lost, what had arrived is returned first. Then this and
every other call dies with CONNECTION_CLOSED. ILLEGAL_MESSAGE: the daemon sent what
cannot be right, and the connection has been given up.

=head2 poll

How many bytes have arrived and wait to be received, up to 1 MiB. They may be less
than a message.

=head2 ready

Whether C<receive(0)> has something to return or to die of without asking the
system.

=head2 fh, fileno

The handle and its number, for C<select> and event loops. With C<read_ahead>, wait
only while C<ready> is 0. Do not read from it.

=head2 close($linger)

Takes leave of the daemon and ends the connection: what was sent is delivered. It
waits up to C<$linger> seconds (default 1) for the daemon to confirm; then the
private name is free again. Closing again does nothing. A connection that is merely
dropped is ended by the system in the same way, but its name may be taken for some
milliseconds more.

=head2 abort

Closes the connection at once and without a word.

=head1 LIMITS

Who has joined something must keep receiving: daemons cut off clients that do not.
From a daemon at most 8 MiB a message are accepted, views of about 100,000 members.
Authentication methods are those without an exchange of bytes.

Handlers of signals run while a call waits; one may close the connection, which ends
the wait with ILLEGAL_SESSION, or die. A handler must not receive itself. After a
fork one process uses the connection; the other may end without harm to it. A
connection must not be shared by threads of Perl.

=head1 SEE ALSO

L<Spread> (the classic functions), L<Gospread::Event>, L<Gospread::Error>,
L<Gospread::Reconnecting> (a connection that is made again when it is lost).

=head1 LICENSE

Apache License 2.0.

=cut
