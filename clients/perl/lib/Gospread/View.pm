package Gospread::View;

use strict;
use warnings;

use Gospread::Decoder;
use Gospread::Protocol;

our @ISA     = ('Gospread::Event');
our $VERSION = '1.000';

# The original makes an empty set now and then: one for each of at most so many
# daemons.
use constant MAX_EMPTY_SETS => 128;

# Reads a regular membership notice in both layouts (client protocol 5.2 and 11).
sub from_message {
    my ($class, $m, $private_group, $old_layout) = @_;
    my $group = $m->[Gospread::Decoder::SENDER];
    my $members = $m->[Gospread::Decoder::GROUPS];
    my ($id, $sets, $own) = body($m, $old_layout);
    my ($index) = grep { $members->[$_] eq $private_group } 0 .. $#$members;
    return bless {
        group   => $group,
        id      => $id,
        cause   => cause_of($m),
        members => $members,
        index   => defined $index ? $index : -1,
        changed => cause_of($m) eq 'network' ? undef : $sets->[0][0],
        sets    => $sets,
        own_set => $own,
    }, $class;
}

# id(body, whether it is big-endian): the three words.
sub id_of {
    my ($body, $big) = @_;
    Gospread::Decoder::damaged('a membership message that is too short') if length $body < 12;
    return [unpack $big ? 'l>3' : 'l<3', $body];
}

# The name of the one cause of a view.
sub cause_of { return $Gospread::Protocol::CAUSE_NAME{ $_[0][Gospread::Decoder::TYPE] & Gospread::Protocol::CAUSES } }

# body(message, whether in the layout of 3.x): id, sets, index of the own set.
sub body {
    my ($m, $old_layout) = @_;
        Gospread::Decoder::damaged("a view of group $m->[Gospread::Decoder::SENDER] without exactly one cause") if !cause_of($m);
    my ($body, $big) = @$m[Gospread::Decoder::DATA, Gospread::Decoder::BIG];
    my $id = id_of($body, $big);
    my $at = 12;
    return ($id, [_set(\$body, \$at, $big)], 0) if $old_layout;

    Gospread::Decoder::damaged('a view that is too short') if length $body < 20;
    my ($count, $offset) = unpack $big ? 'N2' : 'V2', substr $body, 12, 8;
    my $members = @{ $m->[Gospread::Decoder::GROUPS] };
    if ($count > (length($body) - 20) / 4 || $count > $members + MAX_EMPTY_SETS) {
        Gospread::Decoder::damaged("a view of $members members with $count sets");
    }
    $at = 20;
    my ($own, @sets);
    for my $i (0 .. $count - 1) {
        $own = $i if $at == $offset + 20;
        push @sets, _set(\$body, \$at, $big);
    }
    Gospread::Decoder::damaged('a view of which none of the sets is the own one') if !defined $own;
    return ($id, \@sets, $own);
}

sub _set {
    my ($body, $at, $big) = @_;
    my $left = length($$body) - $$at - 4;
    my $n = $left < 0 ? 0 : unpack $big ? 'N' : 'V', substr $$body, $$at, 4;
    Gospread::Decoder::damaged("a view with a set that is too short for its $n members") if $left < $n * 32;
    my @names = unpack '(Z32)*', substr $$body, $$at + 4, $n * 32;
    $$at += 4 + $n * 32;
    return \@names;
}

sub kind    { return 'view' }
sub group   { return $_[0]{group} }
sub id      { return $_[0]{id} }
sub cause   { return $_[0]{cause} }
sub members { return $_[0]{members} }
sub index   { return $_[0]{index} }
sub changed { return $_[0]{changed} }
sub sets    { return $_[0]{sets} }
sub own_set { return $_[0]{own_set} }

1;
