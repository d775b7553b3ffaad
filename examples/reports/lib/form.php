<?php

declare(strict_types=1);

// What may be wrong with a form that was sent: the text for each field, and for the 'form' as a whole.

/** A form that is not from our page, or not from this visitor's session. */
function foreignForm(string $token): array
{
    $sent = $_POST['token'] ?? '';
    return match (true) {
        is_string($sent) && hash_equals($token, $sent) => [],
        $_POST === [] => ['form' => 'Nothing of the form has arrived. It may have been too large.'], // PHP: post_max_size
        !isset($_COOKIE[session_name()]) => ['form' => 'Your browser must accept the cookie of this page. Please allow cookies, and send the form again.'],
        default => ['form' => 'This form is too old. Please send it again.'],
    };
}

function wrongWish(array $wish): array
{
    $wrong = [];
    if (!isset(KINDS[$wish['kind']])) {
        $wrong['kind'] = 'Please choose one of these.';
    }
    // Some of it can be seen, and all of it can be in XML.
    if (!preg_match('/^(?=.*[^\p{C}\p{Z}])[^\p{Cc}\x{FFFE}\x{FFFF}]{1,' . TITLE_LENGTH . '}$/Du', $wish['title'])) {
        $wrong['title'] = 'A title has 1 to ' . TITLE_LENGTH . ' characters.';
    }
    if (!preg_match('/^\d{1,4}$/D', $wish['items']) || $wish['items'] < 1 || $wish['items'] > MOST_ITEMS) {
        $wrong['items'] = 'Please give a number from 1 to ' . MOST_ITEMS . '.';
    }
    return $wrong;
}

function tooMany(): array
{
    $unfinished = ask("SELECT COUNT(*) FROM reports WHERE state IN ('waiting', 'running')")->fetchColumn();
    return $unfinished < MOST_UNFINISHED ? [] : ['form' => 'Very many reports are being made now. Please try again in a minute.'];
}
