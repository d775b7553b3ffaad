package Gospread::Reconnecting;

use strict;
use warnings;

use Time::HiRes ();

use Gospread;

our @CARP_NOT = ('Gospread');
our $VERSION  = '1.000';

# How many lost connections are kept for the events that they may have.
use constant MAX_LOST => 8;

# What time does not heal.
my %FINAL = map { $_ => 1 } qw(ILLEGAL_SESSION ILLEGAL_SPREAD REJECT_ILLEGAL_NAME REJECT_VERSION REJECT_AUTH);

sub new {
    my ($class, $connect, %o) = @_;
    my %default = (send_timeout => 30, min_delay => 0.05, max_delay => 5);
    for (keys %o) { Gospread::_usage("Gospread::Reconnecting has no option $_") if !exists $default{$_} }
    my $self = bless {
        %default, %o,
        connect  => $connect,
        groups   => {},
        failed   => 0,
        next_try => 0,
        lost     => [],    # connections that may have events, and whether the program has yet to be told of them
    }, $class;
    $self->{connection} = $connect->();
    $self->{private_group} = $self->{connection}->private_group;
    return $self;
}

sub private_group { return $_[0]{private_group} }

sub join {
    my ($self, $group) = @_;
    my $new = !$self->{groups}{$group};
    $self->{groups}{$group} = 1;
    eval { $self->_unless_lost(join => $group); 1 } or do {
        delete $self->{groups}{$group} if $new;
        die $@;
    };
    return 1;
}

sub leave {
    my ($self, $group) = @_;
    delete $self->{groups}{$group};
    $self->_unless_lost(leave => $group);
    return 1;
}

sub _unless_lost {
    my ($self, $method, $group) = @_;
    $self->_check;
    my $c = $self->{connection} or return;
    return if eval { $c->$method($group); 1 };
    die $@ if !Gospread::Error::is($@, 'CONNECTION_CLOSED');
    return $self->_retire;
}

sub multicast {
    my ($self, @arguments) = @_;
    $self->_check;
    if (!$self->{connection} && !$self->_reconnect(Gospread::Transport::now() + $self->{send_timeout})) {
        Gospread::Error->throw(CONNECTION_CLOSED => "no connection within $self->{send_timeout} seconds; the message has not been sent");
    }
    my $sent = eval { $self->{connection}->multicast(@arguments) };
    return $sent if defined $sent;
    my $e = $@;
    $self->_retire if Gospread::Error::is($e, 'CONNECTION_CLOSED');
    die $e;
}

sub receive {
    my ($self, $timeout) = @_;
    $self->_check;
    my $deadline = defined $timeout ? Gospread::Transport::now() + $timeout : undef;
    for (;;) {
        my $event = $self->_next_of_lost;
        return $event if $event;
        return undef if !$self->{connection} && !$self->_reconnect($deadline);
        return _reconnected($self->{connection}) if delete $self->{announce};
        my $left = defined $deadline ? $deadline - Gospread::Transport::now() : undef;
        return $event if eval { $event = $self->{connection}->receive(defined $left && $left < 0 ? 0 : $left); 1 };
        _die_unless_lost($@);
        $self->_retire;
    }
}

sub close {
    my ($self, $linger) = @_;
    $self->{closed} = 1;
    $self->{connection}->close($linger) if $self->{connection};
    delete $self->{connection};
    $self->_forget while @{ $self->{lost} };
    return 1;
}

sub _check {
    my ($self) = @_;
    Gospread::Error->throw('ILLEGAL_SESSION') if $self->{closed};
    return;
}

sub _retire {
    my ($self) = @_;
    return if !$self->{connection};    # a handler of a signal has closed it
    $self->_forget if @{ $self->{lost} } == MAX_LOST;
    push @{ $self->{lost} }, [delete $self->{connection}, delete $self->{announce}];
    return;
}

# Gives up what the oldest of the lost connections may still have.
sub _forget {
    my ($self) = @_;
    my $oldest = shift @{ $self->{lost} };
    $oldest->[0]->abort if $oldest;
    return;
}

# What is left of the lost connections, one after the other, each behind the news
# of it.
sub _next_of_lost {
    my ($self) = @_;
    while (my $oldest = $self->{lost}[0]) {
        my ($c, $announce) = @$oldest;
        if ($announce) {
            $oldest->[1] = 0;
            return _reconnected($c);
        }
        my $event;
        eval { $event = $c->receive(0); 1 } or _die_unless_lost($@);
        return $event if $event;
        $self->_forget;
    }
    return;
}

sub _reconnected {
    my ($c) = @_;
    return bless { private_group => $c->private_group }, 'Gospread::Reconnected';
}

sub _die_unless_lost {
    my ($e) = @_;
    die $e if !Gospread::Error::is($e, 'CONNECTION_CLOSED') && !Gospread::Error::is($e, 'ILLEGAL_MESSAGE');
    return;
}

sub _reconnect {
    my ($self, $deadline) = @_;
    for (;;) {
        if (defined $deadline && $self->{next_try} > $deadline) {
            _sleep($deadline - Gospread::Transport::now());
            return 0;
        }
        _sleep($self->{next_try} - Gospread::Transport::now());
        # Handlers of signals may close in the meantime.
        $self->_check;
        my $c;
        if (eval { $c = $self->{connect}->(); $self->_check; $c->join($_) for sort keys %{ $self->{groups} }; 1 }) {
            @$self{qw(connection private_group announce failed)} = ($c, $c->private_group, 1, 0);
            # One that is lost again at once is not made again at once.
            $self->{next_try} = Gospread::Transport::now() + $self->{min_delay};
            return 1;
        }
        my $e = $@;
        die $e if !Gospread::Error::is($e) || $FINAL{ $e->name };
        my $delay = $self->{min_delay} * 2**($self->{failed} < 30 ? $self->{failed}++ : 30);
        $delay = $self->{max_delay} if $delay > $self->{max_delay};
        $self->{next_try} = Gospread::Transport::now() + $delay * (0.5 + rand 0.5);
    }
}

sub _sleep {
    my ($seconds) = @_;
    Time::HiRes::sleep($seconds) if $seconds > 0;
    return;
}

package Gospread::Reconnected;

our @ISA = ('Gospread::Event');

sub kind          { return 'reconnected' }
sub private_group { return $_[0]{private_group} }

1;

__END__

=encoding utf8

=head1 NAME

Gospread::Reconnecting - a connection that is made again when it is lost

=head1 SYNOPSIS

    use Gospread::Reconnecting;

    my $spread = Gospread::Reconnecting->new(sub { Gospread->connect('4803', timeout => 2) });
    $spread->join('jobs');
    while (my $event = $spread->receive) {
        if    ($event->is_reconnected) { ask_for_what_was_missed() }
        elsif ($event->is_message)     { work($event->data) }
    }

=head1 DESCRIPTION

When the connection is lost, it is made again, and its groups are joined again. The
program is told by a C<reconnected> event that it has lost its place in the order:
what was sent to its groups in between is missed, and its own last messages may or
may not have been delivered. It must bring its state up to date by means of its own.

=head2 Gospread::Reconnecting->new(sub { Gospread->connect(...) }, %options)

Connects for the first time, and dies if that fails. Options, in seconds:
C<send_timeout> (how long a send may wait for a new connection; 30), C<min_delay>
between two attempts (0.05), which doubles with each that fails up to C<max_delay>
(5).

=head2 join, leave, multicast, receive, close, private_group

As those of L<Gospread>. C<join> and C<leave> without a connection count for the
next one. C<multicast> without a connection makes one first; if it meets the loss it
dies with CONNECTION_CLOSED, and whether the message is delivered is not known.
C<receive> returns undef if nothing comes in time, with or without a connection; an
attempt to connect that is under way is finished first. What had arrived before a
loss comes first; a program that only sends and never receives finds that of the
last 8 connections.

=cut
