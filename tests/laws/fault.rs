//! What a double does wrong.

/// The number is that of the promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 1: the 226 does not wait for the finish.
    Hasty,
    /// 1: a finish that failed is a 226, too.
    Optimistic,
    /// 2: the driver is not told to abort.
    SwallowsAborts,
    /// 2: it is told both.
    FinishesAndAborts,
    /// 2: a broken data connection is the end of the file.
    FinishesWhatBroke,
    /// 2: a finish is given up before its time.
    DropsFinishes,
    /// 2: an `ABOR` stops a finish that cannot be stopped.
    StopsWhatCannotStop,
    /// 3: every seventh final reply is sent twice.
    AnswersTwice,
    /// 3: every seventh final reply is not sent, if it is a positive one.
    DropsReplies,
    /// 3: of two replies that leave together, the second one leaves first.
    SwapsReplies,
    /// 3: a `200` comes between the lines of a `226`.
    InterruptsReplies,
    /// 4: somebody is logged in from the beginning.
    LogsInUnasked,
    /// 5: what comes during the handshake is kept, and executed behind it.
    ExecutesWhatCameInClear,
    /// 5: a 234 answers AUTH, and no handshake begins.
    PromisesAHandshake,
    /// 5: bytes move over a data connection before its handshake has succeeded.
    MovesBeforeTheHandshake,
    /// 6: answers to Telnet wait for the end of what came at once.
    NegotiatesLate,
    /// 6: a text says how often the session was told something.
    CountsPieces,
    /// 7: what is sent is kept.
    HoardsCommands,
    /// 7: replies that are not read are kept, and more are made.
    HoardsReplies,
    /// 8: the answer to a request that is over is not expected.
    PanicsAtLateEvents,
    /// 8: clocks are not expected to go back.
    PanicsAtOddClocks,
    /// 9: whoever connects first is the client.
    ServesStrangers,
    /// 9: a connection that came to a port that was closed is taken for one to the present port.
    TakesLateConnections,
    /// 9: a stranger takes the passive port with it.
    LosesPortsToStrangers,
    /// 9: it connects to an address that is not the client's.
    ConnectsToStrangers,
    /// 9: it connects to a port behind which another service listens.
    ConnectsToPort80,
    /// 10: the deadline stays where it was.
    StaysDue,
    /// 10: once a client has gone, nobody looks at what is still open.
    WaitsForEver,
    /// 10: the deadline is further off than any of the configuration.
    WaitsTooLong,
    /// 11: names may have line ends.
    BreaksListings,
    /// 13: an upload is finished without a look at the control connection.
    LooksAway,
    /// 13: what was seen of the control connection does not matter.
    OverlooksWhatItSees,
    /// 13: a client that is killed is given no time to close its control connection.
    WaitsForNobody,
    /// 13: that the client has ended the control connection does not matter to its upload.
    OverlooksTheEndOfControl,
    /// 12: a client that has ended the control connection keeps its session.
    KeepsWhoHasEnded,
    /// 12: a last word.
    SpeaksAfterClose,
    /// 12: a last question.
    AsksAfterClose,
    /// 0: a request is cancelled that was answered.
    CancelsWhatIsOver,
    /// 0: of two data connections the wrong one is closed.
    ClosesAnother,
}
