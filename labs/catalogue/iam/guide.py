"""The steps that lead a learner through the lab iam."""

from labs.catalogue.iam import checks
from labs.lab import Step
from labs.lab.guide import choose, predict, press

GUIDE = (
    Step(
        "Try to create a replication group.",
        press("create"),
        "No policy allows it, so the API refused.",
    ),
    Step(
        "Give the application a policy for the API.",
        choose("policy", "api"),
        "The policy allows every action of the API, and denies Connect.",
    ),
    Step(
        "Try to create it again.",
        press("create"),
        "A policy decides who may call the API: this is the exam’s answer.",
        until=checks.api,
    ),
    Step(
        "Try to log in with a token.",
        press("log-in", kind="own"),
        "The token was right, and the policy does not allow Connect.",
    ),
    Step(
        "Give the application a policy for Connect.",
        choose("policy", "connect"),
        "The policy names this cache and this user.",
    ),
    Step(
        "Try to log in again.",
        press("log-in", kind="own"),
        "The signed token was the password: this is today’s answer.",
        until=checks.logs_in,
    ),
    Step(
        "Take the policy away.",
        choose("policy", "nothing"),
        "The connection that exists is still open.",
    ),
    Step(
        "Read a key on the open connection.",
        press("send", command=checks.GET),
        "The gate checked the policy only at the login, so Redis answered.",
    ),
    Step(
        "Write it.",
        press("send", command=checks.SET),
        "Redis has no policies, so it answered a SET as well.",
        until=checks.data_plane,
    ),
    Step(
        "Try to delete the key.",
        press("send", command=checks.DELETE),
        "The access string of the user allows GET and SET, and no policy could add DEL.",
        until=checks.rights,
    ),
    Step(
        "Guess how many reads are answered without a policy.",
        predict("answered-without-policy"),
        "All were answered, because Redis has no policies.",
    ),
    Step(
        "Give the application the policy for Connect again.",
        choose("policy", "connect"),
        "Every token from here on fails for its own reason, and not for the policy.",
    ),
    Step(
        "Try a token 16 minutes later.",
        press("log-in", kind="late"),
        "A token is valid for 15 minutes.",
        until=checks.expired,
    ),
    Step(
        "Try one for another region.",
        press("log-in", kind="region"),
        "The region is part of what was signed.",
        until=checks.other_region,
    ),
    Step(
        "Try one as another user.",
        press("log-in", kind="user"),
        "The user is part of what was signed.",
        until=checks.other_user,
    ),
    Step(
        "Change one letter of the token.",
        press("log-in", kind="tampered"),
        "The signature no longer fits.",
        until=checks.tampered,
    ),
    Step(
        "Try to log in once more.",
        press("log-in", kind="own"),
        "A new token lets the application in.",
    ),
    Step(
        "Set the clock 12 hours ahead.",
        press("advance"),
        "The connection is older than the service allows.",
    ),
    Step(
        "Read a key once more.",
        press("send", command=checks.GET),
        "The connection was closed after 12 hours, so a client must log in again before that.",
        until=checks.twelve_hours,
    ),
)
