package Gospread::Event;

use strict;
use warnings;

use Gospread::Decoder;
use Gospread::Protocol;
use Gospread::View;

our $VERSION = '1.000';

# from_message(message of the decoder, own private group, whether the daemon is of 3.x)
sub from_message {
    my (undef, $m, $private_group, $old_layout) = @_;
    my $type = $m->[Gospread::Decoder::TYPE];
    return Gospread::Rejected->from_message($m, $private_group) if $m->[Gospread::Decoder::IS_REJECT];
    # With a service it is data, whatever else is set: clients could forge the rest.
    return Gospread::Message->from_message($m, $type) if $type & Gospread::Protocol::SERVICES;
    return Gospread::View->from_message($m, $private_group, $old_layout) if $type & Gospread::Protocol::REG_MEMB;
    if ($type & Gospread::Protocol::TRANSITION) {
        my $id = Gospread::View::id_of(@$m[Gospread::Decoder::DATA, Gospread::Decoder::BIG]);
        return bless { group => $m->[Gospread::Decoder::SENDER], id => $id }, 'Gospread::Transition';
    }
    if (($type & Gospread::Protocol::MEMBERSHIP) == Gospread::Protocol::CAUSED_BY_LEAVE) {
        return bless { group => $m->[Gospread::Decoder::SENDER] }, 'Gospread::SelfLeave';
    }
    return Gospread::Message->from_message($m, $type);
}

sub is_message    { return $_[0]->kind eq 'message'    ? 1 : 0 }
sub is_view       { return $_[0]->kind eq 'view'       ? 1 : 0 }
sub is_transition { return $_[0]->kind eq 'transition' ? 1 : 0 }
sub is_self_leave { return $_[0]->kind eq 'self_leave' ? 1 : 0 }
sub is_rejected   { return $_[0]->kind eq 'rejected'   ? 1 : 0 }
sub is_reconnected { return $_[0]->kind eq 'reconnected' ? 1 : 0 }

package Gospread::Message;

our @ISA = ('Gospread::Event');

sub from_message {
    my ($class, $m, $type) = @_;
    my $bit = $type & Gospread::Protocol::SERVICES;
    # No daemon lets several services pass; the strongest counts.
    while ($bit & $bit - 1) { $bit &= $bit - 1 }
    return bless {
        sender          => $m->[Gospread::Decoder::SENDER],
        groups          => $m->[Gospread::Decoder::GROUPS],
        service         => $Gospread::Protocol::SERVICE_NAME{$bit},
        type            => $m->[Gospread::Decoder::MESS_TYPE],
        data            => $m->[Gospread::Decoder::DATA],
        self_discard    => $type & Gospread::Protocol::SELF_DISCARD ? 1 : 0,
        endian_mismatch => $m->[Gospread::Decoder::HINT_BIG],
        flags           => $type & ~(Gospread::Protocol::SELF_DISCARD | $bit),
    }, $class;
}

sub kind            { return 'message' }
sub sender          { return $_[0]{sender} }
sub groups          { return $_[0]{groups} }
sub service         { return $_[0]{service} }
sub type            { return $_[0]{type} }
sub data            { return $_[0]{data} }
sub self_discard    { return $_[0]{self_discard} }
sub endian_mismatch { return $_[0]{endian_mismatch} }
sub flags           { return $_[0]{flags} }

package Gospread::Transition;

our @ISA = ('Gospread::Event');

sub kind  { return 'transition' }
sub group { return $_[0]{group} }
sub id    { return $_[0]{id} }

package Gospread::SelfLeave;

our @ISA = ('Gospread::Event');

sub kind  { return 'self_leave' }
sub group { return $_[0]{group} }

package Gospread::Rejected;

our @ISA = ('Gospread::Event');

sub from_message {
    my ($class, $m, $private_group) = @_;
    my $old = my $type = $m->[Gospread::Decoder::TYPE];
    my $request = 'multicast';
    if (!($old & Gospread::Protocol::SERVICES)) {
        $request = 'join'  if $old & Gospread::Protocol::CAUSED_BY_JOIN;
        $request = 'leave' if $old & Gospread::Protocol::CAUSED_BY_LEAVE;
        $type &= ~Gospread::Protocol::CAUSES;
    }
    my $message = Gospread::Message->from_message($m, $type);
    # The daemon adds the private group of this client to the names.
    my $groups = $message->{groups};
    pop @$groups if @$groups && $groups->[-1] eq $private_group;
    return bless { request => $request, message => $message, old_type => $old }, $class;
}

sub kind     { return 'rejected' }
sub request  { return $_[0]{request} }
sub message  { return $_[0]{message} }
sub old_type { return $_[0]{old_type} }

1;

__END__

=head1 NAME

Gospread::Event - what a connection of Gospread receives

=head1 SYNOPSIS

    my $event = $spread->receive(10);
    if ($event->is_message) { print $event->sender, ': ', $event->data, "\n" }
    elsif ($event->is_view) { print $event->group, " has @{ $event->members }\n" }

=head1 DESCRIPTION

C<kind> is C<message>, C<view>, C<transition>, C<self_leave>, C<rejected> or
C<reconnected>; each has a method C<is_...>.

=over

=item Gospread::Message

Data from another client, or from oneself: C<sender> (private group), C<groups>
(array reference), C<service> (C<unreliable>, C<reliable>, C<fifo>, C<causal>,
C<agreed>, C<safe>; undefined if of a kind that this library does not know),
C<type> (the application's own, -32768 to 32767), C<data>, C<self_discard> (the
sender did not want it back), C<endian_mismatch> (the sender wrote big-endian,
and so may be integers in the data; this library always writes little-endian),
C<flags> (the other bits of the type word).

=item Gospread::View

A new membership of a group that this client is in. Messages behind it, up to the
next view, are delivered among these members. C<group>, C<id> (reference to three
numbers; equal ones of a group mean the same view), C<cause> (C<join>, C<leave>,
C<disconnect>, C<network>), C<members> (private groups, in the same order at every
member), C<index> (this client's place in them, or -1), C<changed> (who joined, left
or disconnected; undefined for C<network>), C<sets> (for C<network> the members
parted by where they come from: those of one set shared the view before and
delivered the same messages in it; else one set with the changed member), C<own_set>
(index of the set that this client came with).

=item Gospread::Transition

Members of the group have been lost, and up to the next view it is not known that
they deliver what this client delivers. C<group>, C<id> (of the view that ends).

=item Gospread::SelfLeave

This client's own leave is done. C<group>.

=item Gospread::Rejected

A request that the daemon's access policy refused: C<request> (C<multicast>,
C<join>, C<leave>), C<message> (as it was sent), C<old_type> (the type word).

=item Gospread::Reconnected

From L<Gospread::Reconnecting> only: C<private_group>.

=back

=cut
