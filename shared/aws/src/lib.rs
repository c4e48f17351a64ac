//! The platform's ports on DynamoDB, SQS and Secrets Manager.
